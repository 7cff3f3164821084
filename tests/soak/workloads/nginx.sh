# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: nginx with ab: files, gzip, a proxy, reloads under load, a graceful end
# packages: nginx apache2-utils curl
# user: yes
# short: yes

run() {
	local at=http://127.0.0.1:$PORT i
	mkdir www
	seq 3000 >www/large
	head -c 100 www/large >www/small
	cat >conf <<-END
		worker_processes 2; daemon off; pid $PWD/pid; error_log $PWD/log;
		events { worker_connections 256; }
		http {
		  access_log $PWD/access; gzip on; gzip_types *; gzip_min_length 200; types { text/plain a; }
		  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
		  uwsgi_temp_path tmp; scgi_temp_path tmp;
		  limit_req_zone \$binary_remote_addr zone=z:1m rate=100000r/s;
		  proxy_cache_path $PWD/cache keys_zone=c:1m;
		  server { listen 127.0.0.1:$PORT; root $PWD/www; limit_req zone=z burst=1000;
		    location /proxy/ { proxy_pass $at/; proxy_cache c; proxy_cache_valid 1m; }
		    location /rewrite { rewrite ^/rewrite(.*)\$ /small last; }
		    location /regex { if (\$arg_x ~ "^(a+)\$") { return 200 "\$1\n"; } return 404; } }
		}
	END
	nginx -p "$PWD/" -c "$PWD/conf" -e "$PWD/log" &
	waits_for 120 answers "$PORT"
	for i in small large proxy/large rewrite none; do
		# ab counts an answer of another length as failed, and only one from the cache has a known length.
		curl -s "$at/$i" | md5sum
		for option in '' -k; do
			ab -q $option -n 1000 -c 20 "$at/$i" >ab.log 2>&1
			echo "ab $i $option status $?"
			grep -E '^(Complete|Failed|Non-2xx)' ab.log
		done
		curl -s --compressed "$at/$i" | md5sum
	done
	curl -s "$at/regex?x=aaaa"
	curl -s -T www/large -o /dev/null -w '%{http_code}\n' "$at/put"
	# A connection that is kept may be closed by a reload while a request is on its way.
	ab -q -n 4000 -c 10 "$at/large" >ab.log 2>&1 &
	for i in 1 2 3; do
		kill -HUP "$(cat pid)"
		sleep .3
	done
	wait %2
	grep ^Failed ab.log
	curl -s "$at/large" | md5sum
	kill -QUIT "$(cat pid)"
	wait
	grep -c 'exited on signal\|\[alert\]\|\[emerg\]' log
}
