/*
 * Preloaded into a process, this counts the calls that change files below a folder, and lets one of them go wrong.
 * It stands between the process and the C library, so it also meets what SQLite writes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum how { COUNT, KILL, TEAR, FAIL, FAIL_ON }; /* as faults.py names them */

static char folder[PATH_MAX];
static int how_to_fail, error_number, wanted_port;
static long wanted;
static atomic_long calls;
static char called[64]; /* the call that went wrong */
static char seen[1 << 20]; /* while they are only counted: a line for each, its name and its file */
static atomic_size_t seen_size;
static __thread char where[PATH_MAX]; /* what the call is about */

/* Begin to count; the call of that number, from 1, goes wrong. */
void fault_arm(const char *path, int how, long number, int error, int port)
{
    strncpy(folder, path, sizeof folder - 1);
    how_to_fail = how;
    wanted = number;
    error_number = error;
    wanted_port = port;
    atomic_store(&calls, 0);
}

long fault_calls(void) { return atomic_load(&calls); }

const char *fault_called(void) { return called; }

const char *fault_seen(void) { return seen; }

static int is_below(const char *path)
{
    size_t length = strlen(folder);
    if (!length || strncmp(path, folder, length) != 0)
        return 0;
    snprintf(where, sizeof where, "%s", path + length);
    return 1;
}

static int is_ours(int fd)
{
    char link[64], path[PATH_MAX];
    if (!folder[0])
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0)
        return 0;
    path[size] = 0;
    if (wanted_port && strncmp(path, "socket:", 7) == 0) {
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        strcpy(where, "socket");
        return getpeername(fd, (struct sockaddr *)&peer, &length) == 0 && peer.sin_family == AF_INET &&
               ntohs(peer.sin_port) == wanted_port;
    }
    return is_below(path);
}

static void die(void) { kill(getpid(), SIGKILL); }

static void note(const char *name)
{
    char line[PATH_MAX + 64];
    size_t size = snprintf(line, sizeof line, "%s %s\n", name, where);
    size_t at = atomic_fetch_add(&seen_size, size);
    if (at + size < sizeof seen)
        memcpy(seen + at, line, size);
}

/* Count a call. 0: let it happen; 1: it fails, errno is set; 2: do half of it, then `die`. */
static int judge(const char *name)
{
    long number = atomic_fetch_add(&calls, 1) + 1;
    int is_due = number == wanted || (how_to_fail == FAIL_ON && number > wanted);
    if (how_to_fail == COUNT)
        note(name);
    if (!is_due || how_to_fail == COUNT)
        return 0;
    if (number == wanted)
        strncpy(called, name, sizeof called - 1);
    if (how_to_fail == KILL)
        die();
    if (how_to_fail == TEAR)
        return 2;
    errno = error_number;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* What a call does that can be done or not, but not by half. */
#define WHOLE(name, condition, call)                                                                                  \
    do {                                                                                                               \
        int verdict = (condition) ? judge(name) : 0;                                                                   \
        if (verdict == 1)                                                                                              \
            return -1;                                                                                                 \
        __typeof__(call) result = (call);                                                                              \
        if (verdict == 2)                                                                                              \
            die();                                                                                                     \
        return result;                                                                                                 \
    } while (0)

/* A write, of which half may be done. */
#define WRITE(name, fd, whole, half)                                                                                  \
    do {                                                                                                               \
        int verdict = is_ours(fd) ? judge(name) : 0;                                                                   \
        if (verdict == 1)                                                                                              \
            return -1;                                                                                                 \
        if (verdict == 2) {                                                                                            \
            (void)!(half);                                                                                             \
            die();                                                                                                     \
        }                                                                                                              \
        return (whole);                                                                                                \
    } while (0)

ssize_t write(int fd, const void *data, size_t size)
{
    WRITE("write", fd, REAL(write)(fd, data, size), REAL(write)(fd, data, size / 2));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    WRITE("pwrite", fd, REAL(pwrite)(fd, data, size, at), REAL(pwrite)(fd, data, size / 2, at));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    WRITE("pwrite", fd, REAL(pwrite64)(fd, data, size, at), REAL(pwrite64)(fd, data, size / 2, at));
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    struct iovec half = {pieces[count / 2].iov_base, pieces[count / 2].iov_len / 2};
    WRITE("writev", fd, REAL(writev)(fd, pieces, count),
          REAL(writev)(fd, pieces, count / 2) + REAL(writev)(fd, &half, 1));
}

/* Who cannot send has lost the connection: a peer that is well would be waited for without end. */
ssize_t send(int fd, const void *data, size_t size, int flags)
{
    int verdict = is_ours(fd) ? judge("send") : 0;
    if (verdict == 1) {
        shutdown(fd, SHUT_RDWR);
        errno = ECONNRESET;
        return -1;
    }
    if (verdict == 2) {
        (void)!REAL(send)(fd, data, size / 2, flags);
        die();
    }
    return REAL(send)(fd, data, size, flags);
}

int fsync(int fd) { WHOLE("fsync", is_ours(fd), REAL(fsync)(fd)); }

int fdatasync(int fd) { WHOLE("fdatasync", is_ours(fd), REAL(fdatasync)(fd)); }

int ftruncate(int fd, off_t size) { WHOLE("ftruncate", is_ours(fd), REAL(ftruncate)(fd, size)); }

int ftruncate64(int fd, off64_t size) { WHOLE("ftruncate", is_ours(fd), REAL(ftruncate64)(fd, size)); }

int rename(const char *from, const char *to) { WHOLE("rename", is_below(to), REAL(rename)(from, to)); }

int unlink(const char *path) { WHOLE("unlink", is_below(path), REAL(unlink)(path)); }

int mkdir(const char *path, mode_t mode) { WHOLE("mkdir", is_below(path), REAL(mkdir)(path, mode)); }

ssize_t sendfile(int to, int from, off_t *at, size_t size)
{
    ssize_t (*real)(int, int, off_t *, size_t) = dlsym(RTLD_NEXT, "sendfile");
    WRITE("sendfile", to, real(to, from, at, size), real(to, from, at, size / 2));
}

ssize_t sendfile64(int to, int from, off64_t *at, size_t size)
{
    ssize_t (*real)(int, int, off64_t *, size_t) = dlsym(RTLD_NEXT, "sendfile64");
    WRITE("sendfile", to, real(to, from, at, size), real(to, from, at, size / 2));
}

static mode_t mode_of(int flags, va_list rest)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                        \
    {                                                                                                                  \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = mode_of(flags, rest);                                                                            \
        va_end(rest);                                                                                                  \
        WHOLE("open", flags & O_CREAT && is_below(path), REAL(name)(path, flags, mode));                               \
    }

OPEN(open)
OPEN(open64)
