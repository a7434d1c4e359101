/* Moves the wall clock, and only that, of the program that is started with this library (LD_PRELOAD): by as many
 * seconds as are written in the file that CLOCKJUMP_FILE names, read anew at each question. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long jump(void) {
    const char *file = getenv("CLOCKJUMP_FILE");
    char text[32] = {0};
    int descriptor = file ? syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC) : -1;
    if (descriptor < 0) return 0;
    long got = syscall(SYS_read, descriptor, text, sizeof text - 1);
    syscall(SYS_close, descriptor);
    return got > 0 ? strtol(text, NULL, 10) : 0;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME) now->tv_sec += jump();
    return failed;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int failed = syscall(SYS_gettimeofday, now, zone);
    if (!failed) now->tv_sec += jump();
    return failed;
}
time_t time(time_t *now) {
    struct timespec is;
    clock_gettime(CLOCK_REALTIME, &is);
    if (now) *now = is.tv_sec;
    return is.tv_sec;
}
