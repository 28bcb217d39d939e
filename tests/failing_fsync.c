/* To be preloaded: while the file $FAILING_FSYNC exists, nothing that is written reaches the disk for sure. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int sync_unless_failing(const char *name, int file)
{
    const char *flag = getenv("FAILING_FSYNC");
    if (flag != NULL && access(flag, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return ((int (*)(int))dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file)
{
    return sync_unless_failing("fsync", file);
}

int fdatasync(int file)
{
    return sync_unless_failing("fdatasync", file);
}
