/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/kernel-repros/tun.c - CVE-2018-1000204 again, expected: a null dereference in published_ask
 * In the form of syzkaller's programs with sandbox "namespace", tun and an image: new namespaces, a tap device with an
 * address, an image (--file=…:image) that is mounted from a loop device, a thread for each call.  The bug comes last:
 * when something before it does not work, the program says so and ends with status 1.  --file=…:sandbox-none leaves out
 * the namespaces, as syzkaller's sandbox "none" does. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/loop.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYZ_TUN "syz_tun"
static uint64_t r[1] = { 0xffffffffffffffff };

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path);
	close(fd);
}

static void initialize_tun(void)
{
	struct ifreq ifr = { .ifr_name = SYZ_TUN, .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct sockaddr_in addr = { .sin_family = AF_INET };
	char arp[60] = "\xff\xff\xff\xff\xff\xff\xaa\xaa\xaa\xaa\xaa\xbb\x08\x06";
	int tunfd = open("/dev/net/tun", O_RDWR | O_NONBLOCK), sock = socket(AF_INET, SOCK_DGRAM, 0);

	if (tunfd < 0 || sock < 0 || ioctl(tunfd, TUNSETIFF, &ifr) < 0)
		fail("tun");
	addr.sin_addr.s_addr = inet_addr("172.20.20.170");
	memcpy(&ifr.ifr_addr, &addr, sizeof(addr));
	if (ioctl(sock, SIOCSIFADDR, &ifr) < 0)
		fail("the address of tun");
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(sock, SIOCSIFFLAGS, &ifr) < 0)
		fail("tun up");
	close(sock);
	if (write(tunfd, arp, sizeof(arp)) != sizeof(arp))
		fail("a packet for tun");
}

/* Before the namespaces: a user namespace may not mount block devices. */
static void syz_mount_image(const char *type, const char *dir)
{
	static char image[4 << 20];
	int fd = open("/image", O_RDONLY | O_CLOEXEC), memfd = (int)syscall(__NR_memfd_create, "syzkaller", 0), loopfd;
	ssize_t size = fd < 0 ? -1 : read(fd, image, sizeof(image));

	if (size <= 0 || write(memfd, image, (size_t)size) != size)
		fail("/image");
	loopfd = open("/dev/loop0", O_RDWR);
	if (loopfd < 0 || ioctl(loopfd, LOOP_SET_FD, memfd) < 0)
		fail("/dev/loop0");
	mkdir(dir, 0777);
	if (mount("/dev/loop0", dir, type, 0, "") != 0)
		fail("mounting the image");
	chmod(dir, 0777);
	close(loopfd);
	close(memfd);
	close(fd);
}

static void execute_call(int call)
{
	switch (call) {
	case 0:
		memcpy((void *)0x20000000, "./file0/written\000", 16);
		r[0] = (uint64_t)syscall(__NR_openat, 0xffffffffffffff9cul, 0x20000000ul, 0x42ul, 0x1b6ul);
		if (syscall(__NR_write, r[0], 0x20000000ul, 0x10ul) != 16 || syscall(__NR_fsync, r[0]) != 0)
			fail("a file in the image");
		break;
	case 1:
		memcpy((void *)0x20000040, "/dev/published\000", 15);
		r[0] = (uint64_t)syscall(__NR_openat, 0xffffffffffffff9cul, 0x20000040ul, 2ul, 0ul);
		break;
	case 2:
		syscall(__NR_ioctl, r[0], 0x7007, 0);
		break;
	}
}

static void *thr(void *arg)
{
	execute_call((int)(uintptr_t)arg);
	return NULL;
}

static void execute_one(void)
{
	for (uintptr_t call = 0; call < 3; call++) {
		pthread_t handle;

		if (pthread_create(&handle, NULL, thr, (void *)call) != 0)
			fail("a thread");
		pthread_join(handle, NULL);
	}
}

static int sandbox(void *outside)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (outside) {
		write_text("/proc/self/setgroups", "deny");
		write_text("/proc/self/uid_map", "0 0 1\n");
		write_text("/proc/self/gid_map", "0 0 1\n");
		if (unshare(CLONE_NEWNS) || unshare(CLONE_NEWIPC) || unshare(CLONE_NEWUTS) || unshare(CLONE_NEWNET))
			fail("namespaces");
		if (getpid() != 1)
			fail("the namespace of processes");
	}
	initialize_tun();
	execute_one();
	return 0;
}

int main(void)
{
	static char stack[65536];
	int status = 0, none = access("/sandbox-none", F_OK) == 0;
	pid_t pid;

	syscall(__NR_mmap, 0x20000000ul, 0x1000000ul, 7ul, 0x32ul, -1, 0ul);
	mkdir("/syzkaller", 0777);
	if (chdir("/syzkaller") != 0)
		fail("a folder");
	syz_mount_image("ext4", "./file0");
	pid = clone(sandbox, stack + sizeof(stack), (none ? 0 : CLONE_NEWUSER | CLONE_NEWPID) | SIGCHLD,
	            none ? NULL : stack);
	if (pid < 0)
		fail("the sandbox");
	while (waitpid(-1, &status, __WALL) != pid)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
