/* To be preloaded: while the file $FAILING_FSYNC exists, syncing fails for files whose names end as it says.
   The file $KILLING_FSYNC holds a number: a process is killed in place of its so manieth sync; 0: of none. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
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

static void die_at_a_sync(void)
{
    static atomic_int count;
    char digits[16] = "";
    const char *path = getenv("KILLING_FSYNC");
    int opened = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (opened < 0)
        return;
    ssize_t length = read(opened, digits, sizeof digits - 1);
    close(opened);
    if (length > 0 && atomic_fetch_add(&count, 1) + 1 == atoi(digits))
        raise(SIGKILL);
}

static int sync_unless_failing(const char *name, int file)
{
    die_at_a_sync();
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
