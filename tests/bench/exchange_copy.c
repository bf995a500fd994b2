/* The yardstick for `scripts/bench exchange`: two ptys and a loop that copies between their
 * masters, as plain as it can be. Prints the two slaves' names, runs until killed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static int raw_pty(int *slave)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    struct termios settings;

    if (master < 0 || grantpt(master) || unlockpt(master))
        exit(1);
    *slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    if (*slave < 0 || tcgetattr(*slave, &settings))
        exit(1);
    cfmakeraw(&settings);
    tcsetattr(*slave, TCSANOW, &settings);
    puts(ptsname(master));
    return master;
}

int main(void)
{
    static char buffer[65536];
    int slaves[2];
    struct pollfd lines[2];

    for (int i = 0; i < 2; i++) {
        lines[i].fd = raw_pty(&slaves[i]);
        lines[i].events = POLLIN;
    }
    fflush(stdout);
    for (;;) {
        if (poll(lines, 2, -1) < 0)
            return 1;
        for (int i = 0; i < 2; i++) {
            if (!(lines[i].revents & POLLIN))
                continue;
            ssize_t n = read(lines[i].fd, buffer, sizeof buffer);
            if (n <= 0)
                return 1;
            for (ssize_t done = 0; done < n;) {
                ssize_t w = write(lines[!i].fd, buffer + done, n - done);
                if (w <= 0)
                    return 1;
                done += w;
            }
        }
    }
}
