/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-repros/module/published.h - the commands of /dev/published. */
#define PUBLISHED_PARAM 0x7001
#define PUBLISHED_ADD 0x7002
#define PUBLISHED_PUT 0x7003
#define PUBLISHED_FORGET 0x7004
#define PUBLISHED_GET 0x7005
#define PUBLISHED_DROP 0x7006
#define PUBLISHED_ASK 0x7007
