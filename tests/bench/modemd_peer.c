/* modemd_peer: what modemd does, as a small C program for inetd: lock (HDB, by link), open, TIOCEXCL and
 * flock, raw settings, keepalive, copy both ways, unlock. No cleaning, no half-close, no records.
 * usage: modemd_peer TTY LOCKFILE */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static char up[16384], down[16384];

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
	char temporary[256], pid[16];
	if (c < 3) return 2;
	signal(SIGPIPE, SIG_IGN);
	snprintf(temporary, sizeof temporary, "%s.%d", v[2], getpid());
	int n = snprintf(pid, sizeof pid, "%10d\n", getpid());
	int l = open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (l < 0 || write(l, pid, n) != n) return 1;
	close(l);
	int taken = link(temporary, v[2]);
	unlink(temporary);
	if (taken) return 1;
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
	tcflush(t, TCIFLUSH);
	int one = 1, idle = 20;
	setsockopt(0, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	setsockopt(0, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(0, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	struct pollfd p[2] = { { 0, POLLIN, 0 }, { t, POLLIN, 0 } };
	while (poll(p, 2, -1) > 0) {
		if (p[0].revents && copy(0, t, up)) break;
		if (p[1].revents && copy(t, 1, down)) break;
	}
	tcsetattr(t, TCSANOW, &old);
	close(t);
	unlink(v[2]);
	return 0;
}
