-- SPDX-License-Identifier: BSD-2-Clause
-- share/memsan/report.sql - a fleet's reports in PostgreSQL (12 or later): tables, and views of bugs.
--
--   psql -f /usr/share/memsan/report.sql                                once; running it again keeps the reports
--   memsan decode --format=json host-1.log >host-1.jsonl
--   PGOPTIONS="-c memsan.host=host-1 -c memsan.build=v1.2" psql -c "\copy memsan.report (raw) from host-1.jsonl
--       with (format csv, quote e'\x01', delimiter e'\x02')"             (one line; JSON holds neither of these bytes)
--
--   select * from memsan.bug order by reports desc limit 20;            each bug once
--   select * from memsan.new_since(now() - interval '1 day');           bugs that nobody had seen before
--   select * from memsan.gone_since(now() - interval '7 days');         bugs that nobody sees any more
--   select * from memsan.trend where signature = '0123456789abcdef';    reports a day
--   select * from memsan.bug_of_build where build = 'v1.2';             bugs of a build, hosts, …
--   select * from memsan.new_in_build('v1.2', 'v1.1');                  bugs of one build that the other has not
--
-- Millions of reports at once are copied in half the time without the indexes: drop index memsan.report_by_bug,
-- memsan.report_by_time, memsan.report_by_build; copy; and run this file again, which makes them anew.
--
-- A report is of the time at which it was copied, unless memsan.seen says another:
-- PGOPTIONS="-c memsan.seen=2026-11-21".
-- memsan report(1) gives one bug the same signature on all hosts, in all builds and from all tools.

begin;

create schema if not exists memsan;

create table if not exists memsan.report (
	id        bigint generated always as identity primary key,
	seen      timestamptz not null
	          default coalesce(nullif(current_setting('memsan.seen', true), '')::timestamptz, now()),
	host      text default nullif(current_setting('memsan.host', true), ''),
	build     text default nullif(current_setting('memsan.build', true), ''),
	raw       jsonb not null check (raw ->> 'schema' is not distinct from 'memsan-report/1' and raw ? 'signature'),
	signature text generated always as (raw ->> 'signature') stored,
	detector  text generated always as (raw ->> 'detector') stored,
	kind      text generated always as (raw ->> 'kind') stored,
	title     text generated always as (raw ->> 'title') stored,
	function  text generated always as (raw ->> 'function') stored,
	leak      text generated always as (raw -> 'leak' ->> 'class') stored,
	count     bigint generated always as (coalesce((raw ->> 'count')::bigint, 1)) stored
);
create index if not exists report_by_bug on memsan.report (signature, seen);
create index if not exists report_by_time on memsan.report using brin (seen);
create index if not exists report_by_build on memsan.report (build, signature);

-- ClickHouse: sed -n 's/^--ch //p' report.sql | clickhouse client --multiquery     (tried with 26.7, as chdb; the
-- views with parameters need 23.1; Debian 12's version 18.16 is too old)
--   insert into memsan.report (host, build, raw) select 'host-1', 'v1.2', json
--       from file('host-1.jsonl', JSONAsString, 'json String');
--   or, not tried, from a client: … from input('json String') format JSONAsString, with the file as input
--   select * from memsan.new_since(since = '2026-11-21 00:00:00')
-- The order is the index.  A member that is missing is '', not null.
--
--ch create database if not exists memsan;
--ch create table if not exists memsan.report (
--ch   seen DateTime default now(), host LowCardinality(String), build LowCardinality(String), raw String codec(ZSTD),
--ch   signature FixedString(16) materialized JSONExtractString(raw, 'signature'),
--ch   detector LowCardinality(String) materialized JSONExtractString(raw, 'detector'),
--ch   kind LowCardinality(String) materialized JSONExtractString(raw, 'kind'),
--ch   title String materialized JSONExtractString(raw, 'title'),
--ch   function String materialized JSONExtractString(raw, 'function'),
--ch   leak LowCardinality(String) materialized JSONExtractString(raw, 'leak', 'class'),
--ch   count UInt64 materialized greatest(JSONExtractUInt(raw, 'count'), 1),
--ch   constraint is_report check JSONExtractString(raw, 'schema') = 'memsan-report/1' and JSONHas(raw, 'signature'))
--ch engine = MergeTree partition by toYYYYMM(seen) order by (signature, seen);
--ch create or replace view memsan.bug as
--ch select r.signature as signature, min(r.title) as title, min(r.kind) as kind,
--ch   arrayStringConcat(arraySort(groupUniqArray(r.detector)), ', ') as detectors, min(r.function) as function,
--ch   multiIf(minIf(r.leak, r.leak != '') = 'reachable', 'note', max(r.leak) != '', 'warning', 'error') as severity,
--ch   sum(r.count) as reports, min(r.seen) as first_seen, max(r.seen) as last_seen,
--ch   uniqExactIf(r.host, r.host != '') as hosts, uniqExactIf(r.build, r.build != '') as builds
--ch from memsan.report r group by r.signature;
--ch create or replace view memsan.bug_of_build as
--ch select r.build as build, r.signature as signature, min(r.title) as title, sum(r.count) as reports,
--ch   min(r.seen) as first_seen, max(r.seen) as last_seen, uniqExactIf(r.host, r.host != '') as hosts
--ch from memsan.report r group by r.build, r.signature;
--ch create or replace view memsan.bug_of_host as
--ch select r.host as host, r.signature as signature, min(r.title) as title, sum(r.count) as reports,
--ch   min(r.seen) as first_seen, max(r.seen) as last_seen
--ch from memsan.report r group by r.host, r.signature;
--ch create or replace view memsan.trend as
--ch select r.signature as signature, toStartOfDay(r.seen) as day, sum(r.count) as reports,
--ch   uniqExactIf(r.host, r.host != '') as hosts
--ch from memsan.report r group by r.signature, day;
--ch create or replace view memsan.new_since as select * from memsan.bug where first_seen >= {since:DateTime};
--ch create or replace view memsan.gone_since as select * from memsan.bug where last_seen < {since:DateTime};
--ch create or replace view memsan.new_in_build as
--ch select * from memsan.bug_of_build where build = {new_build:String}
--ch   and signature not in (select r.signature from memsan.report r where r.build = {old_build:String});

create or replace view memsan.bug as
select signature, min(title) as title, min(kind) as kind, string_agg(distinct detector, ', ') as detectors,
       min(function) as function,
       case when min(leak) = 'reachable' then 'note'
            when min(leak) is not null then 'warning' else 'error' end as severity,
       sum(count)::bigint as reports, min(seen) as first_seen, max(seen) as last_seen,
       count(distinct host) as hosts, count(distinct build) as builds
from memsan.report
group by signature;

create or replace view memsan.bug_of_build as
select build, signature, min(title) as title, sum(count)::bigint as reports, min(seen) as first_seen,
       max(seen) as last_seen, count(distinct host) as hosts
from memsan.report
group by build, signature;

create or replace view memsan.bug_of_host as
select host, signature, min(title) as title, sum(count)::bigint as reports, min(seen) as first_seen,
       max(seen) as last_seen
from memsan.report
group by host, signature;

create or replace view memsan.trend as
select signature, date_trunc('day', seen) as day, sum(count)::bigint as reports, count(distinct host) as hosts
from memsan.report
group by signature, date_trunc('day', seen);

-- Of each bug seen lately, one look into the index tells whether it was seen before; only the new ones are counted.
create or replace function memsan.new_since(since timestamptz) returns setof memsan.bug language sql stable as $$
	select bug.*
	from (select distinct signature from memsan.report where seen >= since) recent
	cross join lateral (select * from memsan.bug b where b.signature = recent.signature) bug
	where not exists (select from memsan.report old where old.signature = recent.signature and old.seen < since)
$$;

create or replace function memsan.gone_since(since timestamptz) returns setof memsan.bug language sql stable as $$
	select * from memsan.bug where last_seen < since
$$;

create or replace function memsan.new_in_build(new_build text, old_build text) returns setof memsan.bug_of_build
language sql stable as $$
	select n.* from memsan.bug_of_build n
	where n.build = new_build
	  and not exists (select from memsan.report o where o.build = old_build and o.signature = n.signature)
$$;

commit;
