/* Preloaded into a process, makes each flush of a file take SLOW_FSYNC_US microseconds more, as a slower disk would. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef int (*flush)(int);

static int slowly(const char *name, int descriptor)
{
    const char *given = getenv("SLOW_FSYNC_US");
    long microseconds = given ? atol(given) : 0;
    struct timespec pause = {microseconds / 1000000, microseconds % 1000000 * 1000};
    int result = ((flush)dlsym(RTLD_NEXT, name))(descriptor);

    nanosleep(&pause, NULL);
    return result;
}

int fsync(int descriptor)
{
    return slowly("fsync", descriptor);
}

int fdatasync(int descriptor)
{
    return slowly("fdatasync", descriptor);
}
