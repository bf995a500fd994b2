/* modemd_peer: what modemd does up to the first byte, as a small C program for inetd: who is there, signals as
 * a pipe, keepalive and TCP_USER_TIMEOUT, the line's real name, lock (HDB, by link, looked at again, no lock
 * under another name), open, TIOCEXCL and flock, raw settings, DTR, carrier; then copy both ways, unlock.
 * No cleaning, no half-close, no records: they come after.
 * usage: modemd_peer TTY LOCKFILE */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static char up[16384], down[16384];
static int heard[2];

static void hear(int signal)
{
	char byte = signal;
	(void)!write(heard[1], &byte, 1);
}

static int copy(int from, int to, char *buffer)
{
	int n = read(from, buffer, sizeof up), o = 0;
	if (n <= 0) return -1;
	while (o < n) {
		int w = write(to, buffer + o, n - o);
		if (w < 0) return -1;
		o += w;
	}
	return 0;
}

int main(int c, char **v)
{
	char temporary[256], pid[16], real[PATH_MAX];
	struct sockaddr_storage peer, here;
	socklen_t length = sizeof peer, other = sizeof here;
	struct sigaction action = { .sa_handler = hear };
	if (c < 3) return 2;
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(heard, O_NONBLOCK | O_CLOEXEC)) return 1;
	sigaction(SIGTERM, &action, 0);
	sigaction(SIGINT, &action, 0);
	sigaction(SIGHUP, &action, 0);
	getpeername(0, (void *)&peer, &length);
	getsockname(0, (void *)&here, &other);
	int one = 1, idle = 20, interval = 5, count = 4, limit = 40000;
	setsockopt(0, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(0, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	setsockopt(0, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(0, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
	setsockopt(0, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
	setsockopt(0, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
	if (!realpath(v[1], real)) return 1;
	snprintf(temporary, sizeof temporary, "%s.%d", v[2], getpid());
	int n = snprintf(pid, sizeof pid, "%10d\n", getpid());
	int l = open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (l < 0 || write(l, pid, n) != n) return 1;
	struct stat mine;
	fchmod(l, 0644);
	fstat(l, &mine);
	close(l);
	int taken = link(temporary, v[2]);
	unlink(temporary);
	if (taken) return 1;
	DIR *locks = opendir("/var/lock");
	for (struct dirent *e; locks && (e = readdir(locks));)
		if (!strncmp(e->d_name, "LCK..", 5) && !strcmp(e->d_name + 5, strrchr(real, '/') + 1)) return 1;
	if (locks) closedir(locks);
	int t = open(v[1], O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (t < 0 || flock(t, LOCK_EX | LOCK_NB)) { unlink(v[2]); return 1; }
	ioctl(t, TIOCEXCL);
	fcntl(t, F_SETFL, O_RDWR);
	struct termios s, old;
	tcgetattr(t, &old);
	s = old;
	cfmakeraw(&s);
	s.c_cflag |= CLOCAL | CREAD | HUPCL;
	cfsetspeed(&s, B115200);
	tcsetattr(t, TCSANOW, &s);
	int dtr = TIOCM_DTR, lines;
	ioctl(t, TIOCMBIS, &dtr);
	tcflush(t, TCIFLUSH);
	ioctl(t, TIOCMGET, &lines);
	struct pollfd p[3] = { { 0, POLLIN, 0 }, { t, POLLIN, 0 }, { heard[0], POLLIN, 0 } };
	while (poll(p, 3, -1) > 0 && !p[2].revents) {
		if (p[0].revents && copy(0, t, up)) break;
		if (p[1].revents && copy(t, 1, down)) break;
	}
	tcsetattr(t, TCSANOW, &old);
	close(t);
	unlink(v[2]);
	return 0;
}
