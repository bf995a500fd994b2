/* LD_PRELOAD shim: long waits without the waiting.
 *
 *   cc -O2 -shared -fPIC -o longwaits.so longwaits.c
 *   LONGWAITS_FROM=15 LONGWAITS_TAKE=600 LD_PRELOAD=./longwaits.so mgetty ...
 *
 * A wait (select, poll, ppoll, sleep, alarm) of LONGWAITS_FROM seconds or more takes LONGWAITS_TAKE
 * milliseconds, and the clocks of the program go on by what was left out. Shorter waits are real.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef long long ns;
static const ns SECOND = 1000000000, MS = 1000000;
static ns ahead;

static ns setting(const char *name, ns otherwise)
{
	const char *text = getenv(name);
	return text ? atoll(text) : otherwise;
}
static ns from(void) { return setting("LONGWAITS_FROM", 15) * SECOND; }
static ns take(void) { return setting("LONGWAITS_TAKE", 600) * MS; }
static struct timespec ts_of(ns t) { return (struct timespec){ t / SECOND, t % SECOND }; }
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *t)
{
	ns full = t ? t->tv_sec * SECOND + t->tv_usec * 1000 : 0;
	if (full < from())
		return REAL(select)(n, r, w, e, t);
	ns s = take();
	struct timeval instead = { s / SECOND, s % SECOND / 1000 };
	int found = REAL(select)(n, r, w, e, &instead);
	if (found == 0) ahead += full - s;
	return found;
}

int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *t, const sigset_t *mask)
{
	ns full = t ? t->tv_sec * SECOND + t->tv_nsec : 0;
	if (full < from())
		return REAL(ppoll)(fds, n, t, mask);
	struct timespec instead = ts_of(take());
	int found = REAL(ppoll)(fds, n, &instead, mask);
	if (found == 0) ahead += full - take();
	return found;
}

int poll(struct pollfd *fds, nfds_t n, int t)
{
	if (t < 0 || t * MS < from())
		return REAL(poll)(fds, n, t);
	int found = REAL(poll)(fds, n, take() / MS);
	if (found == 0) ahead += t * MS - take();
	return found;
}

unsigned alarm(unsigned n)
{
	ns full = n * SECOND < from() ? n * SECOND : take();
	struct itimerval instead = { .it_value = { full / SECOND, full % SECOND / 1000 } }, before;
	setitimer(ITIMER_REAL, &instead, &before);
	return before.it_value.tv_sec;
}

unsigned sleep(unsigned n)
{
	if (n * SECOND < from())
		return REAL(sleep)(n);
	struct timespec instead = ts_of(take());
	if (nanosleep(&instead, 0) != 0) return n;
	ahead += n * SECOND - take();
	return 0;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	int failed = REAL(clock_gettime)(clock, t);
	if (!failed && (clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME))
		*t = ts_of(t->tv_sec * SECOND + t->tv_nsec + ahead);
	return failed;
}

time_t time(time_t *t)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (t) *t = now.tv_sec;
	return now.tv_sec;
}
