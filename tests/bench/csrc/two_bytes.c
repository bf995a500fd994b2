/* Awaits OK on standard input, reading as many bytes at once as may be read without reading past it:
   two, or one behind an O. What any program that awaits OK has to do, and nothing else. */
#include <unistd.h>

int main(void)
{
    char bytes[2];
    int after_o = 0;
    for (;;) {
        ssize_t n = read(0, bytes, after_o ? 1 : 2);
        if (n <= 0)
            return 1;
        for (ssize_t i = 0; i < n; i++) {
            char c = bytes[i] & 0x7f;
            if (after_o && c == 'K')
                return 0;
            after_o = c == 'O';
        }
    }
}
