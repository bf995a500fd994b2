/* LD_PRELOAD shim, before modemlines.so: TIOCMIWAIT as real drivers have it, only slower.
 *
 *   cc -O2 -shared -fPIC -o latewaits.so latewaits.c
 *   LATEWAITS=5000 LATEWAITS_COUNT=1 LD_PRELOAD="./latewaits.so ./modemlines.so" mserver ...
 *
 * A wait begins LATEWAITS microseconds after it is asked for: a change in between wakes nobody. With
 * LATEWAITS_COUNT=1 TIOCGICOUNT counts the changes of one line (the first that is asked about), as carrier's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/serial.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

static int (*next)(int, unsigned long, ...);
static long late;
static int counting, count = 1, before;

__attribute__((constructor)) static void setup(void)
{
	next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	late = getenv("LATEWAITS") ? atol(getenv("LATEWAITS")) : 0;
	counting = getenv("LATEWAITS_COUNT") && *getenv("LATEWAITS_COUNT") == '1';
}
int ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	va_start(list, request);
	void *argument = va_arg(list, void *);
	va_end(list);
	switch ((unsigned)request) {
	case TIOCMIWAIT: {
		struct timespec pause = { 0, late * 1000 };
		if (nanosleep(&pause, 0) < 0)
			return -1;
		break;
	}
	case TIOCGICOUNT: {
		int lines;
		if (!counting || next(fd, TIOCMGET, &lines) < 0)
			break;
		lines &= TIOCM_CAR | TIOCM_RI | TIOCM_DSR | TIOCM_CTS;
		if (__atomic_exchange_n(&before, lines, __ATOMIC_SEQ_CST) != lines)
			__atomic_add_fetch(&count, 1, __ATOMIC_SEQ_CST);
		struct serial_icounter_struct *counters = argument;
		memset(counters, 0, sizeof *counters);
		counters->dcd = count;
		return 0;
	}
	}
	return next(fd, request, argument);
}
