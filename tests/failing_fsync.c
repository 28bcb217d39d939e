/* To be preloaded: while the file $FAILING_FSYNC exists, syncing fails for files whose names end as it says. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_failing(int file)
{
    char ending[64], link[64], path[4096];
    const char *flag = getenv("FAILING_FSYNC");
    int opened = flag == NULL ? -1 : open(flag, O_RDONLY | O_CLOEXEC);
    if (opened < 0)
        return 0;
    ssize_t ending_length = read(opened, ending, sizeof ending);
    close(opened);
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t path_length = readlink(link, path, sizeof path);
    return ending_length >= 0 && path_length >= ending_length
        && memcmp(path + path_length - ending_length, ending, ending_length) == 0;
}

static int sync_unless_failing(const char *name, int file)
{
    if (is_failing(file)) {
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
