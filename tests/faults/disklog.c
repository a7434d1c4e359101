/* Records what a program does to the files below one folder, in the order in which it does it: for replaying a power
 * failure. Made for LD_PRELOAD.
 *
 *     DISKLOG_FOLDER  the folder, absolute, without links
 *     DISKLOG_FILE    where to write the record; several processes may share it
 *
 * A record is a head (struct Head), a path, and the octets written. A change is written down when it is done; a sync
 * when it begins and again when it has succeeded, because it vouches for no change that was made meanwhile.
 */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct Head {
    uint32_t magic; /* 0x4b534944 */
    uint32_t kind;  /* a letter, see below */
    int64_t time;   /* CLOCK_MONOTONIC, nanoseconds */
    uint64_t inode;
    int64_t at; /* offset, or size for 't' */
    uint32_t path, octets;
};
enum {
    OPEN = 'o', CREATE = 'c', FOLDER = 'd', WRITE = 'w', TRUNCATE = 't', RENAME = 'r', UNLINK = 'u', LINK = 'l',
    BEGIN = 'b', END = 'e', /* of a sync */
    MAP = 'm', /* shared and writable: what is written through it is not seen here */
};

#define DESCRIPTORS 65536
static uint64_t tracked[DESCRIPTORS]; /* inode of what is open there, 0: none of ours */
static char folder[4096];
static size_t folder_length;
static int out = -1;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
    (*({ if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name); (__typeof__(&name))real_##name; }))

__attribute__((constructor)) static void begin(void) {
    const char *where = getenv("DISKLOG_FOLDER"), *file = getenv("DISKLOG_FILE");
    if (!where || !file) return;
    snprintf(folder, sizeof folder, "%s/", where);
    folder_length = strlen(folder);
    int low = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (low < 0) return;
    out = fcntl(low, F_DUPFD_CLOEXEC, 700);
    syscall(SYS_close, low);
}

static void say(uint32_t kind, uint64_t inode, int64_t at, const char *path, const void *octets, size_t length) {
    int before = errno;
    struct Head head = {0x4b534944, kind, 0, inode, at, path ? (uint32_t)strlen(path) : 0, (uint32_t)length};
    struct timespec now;
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)octets, length}};
    pthread_mutex_lock(&turn); /* so that times within a process are in the order of the record */
    clock_gettime(CLOCK_MONOTONIC, &now);
    head.time = now.tv_sec * 1000000000LL + now.tv_nsec;
    if (syscall(SYS_writev, out, parts, 3) != (long)(sizeof head + head.path + length)) abort();
    pthread_mutex_unlock(&turn);
    errno = before;
}

/* The path below the folder, or NULL. Relative paths are those of the working folder. */
static const char *below(const char *path, char *room) {
    if (out < 0 || !path) return NULL;
    if (path[0] != '/') {
        char here[4096];
        if (!getcwd(here, sizeof here) || snprintf(room, 8192, "%s/%s", here, path) >= 8192) return NULL;
        path = room;
    }
    return strncmp(path, folder, folder_length) ? NULL : path + folder_length;
}
static uint64_t ours(int descriptor) { return out >= 0 && descriptor >= 0 && descriptor < DESCRIPTORS ? tracked[descriptor] : 0; }

static int opened(int descriptor, const char *path, int created) {
    char room[8192];
    struct stat is;
    const char *name;
    if (descriptor < 0 || descriptor >= DESCRIPTORS) return descriptor;
    tracked[descriptor] = 0;
    if (out < 0 || !path) return descriptor;
    if (!(name = below(path, room))) {
        /* the folder itself, without the stroke at its end */
        if (strncmp(path, folder, folder_length - 1) || path[folder_length - 1]) return descriptor;
        name = "";
    }
    if (fstat(descriptor, &is)) return descriptor;
    tracked[descriptor] = is.st_ino;
    say(S_ISDIR(is.st_mode) ? FOLDER : created ? CREATE : OPEN, is.st_ino, 0, name, NULL, 0);
    return descriptor;
}

#define OPENING(name, declared, call)                                                   \
    static void *real_##name;                                                           \
    int name declared {                                                                 \
        mode_t mode = 0;                                                                \
        if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))) {                           \
            va_list rest;                                                               \
            va_start(rest, flags);                                                      \
            mode = va_arg(rest, mode_t);                                                \
            va_end(rest);                                                               \
        }                                                                               \
        char room[8192];                                                                \
        int created = (flags & O_CREAT) && below(path, room) && access(path, F_OK) != 0; \
        int descriptor = opened(REAL(name) call, path, created);                        \
        if (descriptor >= 0 && (flags & O_TRUNC) && ours(descriptor)) say(TRUNCATE, ours(descriptor), 0, NULL, NULL, 0); \
        return descriptor;                                                              \
    }
OPENING(open, (const char *path, int flags, ...), (path, flags, mode))
OPENING(open64, (const char *path, int flags, ...), (path, flags, mode))
OPENING(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPENING(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))

static void *real_close;
int close(int descriptor) {
    if (descriptor == out && out >= 0) return 0;
    if (descriptor >= 0 && descriptor < DESCRIPTORS) tracked[descriptor] = 0;
    return REAL(close)(descriptor);
}

#define WROTE(done, descriptor, octets, offset) \
    if (done > 0 && ours(descriptor)) say(WRITE, ours(descriptor), offset, NULL, octets, done);

static void *real_write, *real_pwrite, *real_pwrite64;
ssize_t write(int descriptor, const void *octets, size_t length) {
    off_t offset = 0;
    if (ours(descriptor)) offset = fcntl(descriptor, F_GETFL) & O_APPEND ? lseek(descriptor, 0, SEEK_END) : lseek(descriptor, 0, SEEK_CUR);
    ssize_t done = REAL(write)(descriptor, octets, length);
    WROTE(done, descriptor, octets, offset)
    return done;
}
ssize_t pwrite(int descriptor, const void *octets, size_t length, off_t offset) {
    ssize_t done = REAL(pwrite)(descriptor, octets, length, offset);
    WROTE(done, descriptor, octets, offset)
    return done;
}
ssize_t pwrite64(int descriptor, const void *octets, size_t length, off64_t offset) {
    ssize_t done = REAL(pwrite64)(descriptor, octets, length, offset);
    WROTE(done, descriptor, octets, offset)
    return done;
}

/* Nothing of ours uses these on data; whoever begins to must teach the record first. */
#define UNKNOWN(name, declared, call)                                       \
    static void *real_##name;                                               \
    ssize_t name declared {                                                 \
        if (ours(descriptor)) abort();                                      \
        return REAL(name) call;                                             \
    }
UNKNOWN(writev, (int descriptor, const struct iovec *parts, int count), (descriptor, parts, count))
UNKNOWN(pwritev, (int descriptor, const struct iovec *parts, int count, off_t offset), (descriptor, parts, count, offset))
UNKNOWN(pwritev64, (int descriptor, const struct iovec *parts, int count, off64_t offset), (descriptor, parts, count, offset))

#define CUTTING(name, kind)                                                                  \
    static void *real_##name;                                                                \
    int name(int descriptor, kind size) {                                                    \
        int failed = REAL(name)(descriptor, size);                                           \
        if (!failed && ours(descriptor)) say(TRUNCATE, ours(descriptor), size, NULL, NULL, 0); \
        return failed;                                                                       \
    }
CUTTING(ftruncate, off_t)
CUTTING(ftruncate64, off64_t)

#define GROWING(name, kind)                                                                    \
    static void *real_##name;                                                                  \
    int name(int descriptor, kind offset, kind length) {                                       \
        int failed = REAL(name)(descriptor, offset, length);                                   \
        struct stat is;                                                                        \
        if (!failed && ours(descriptor) && !fstat(descriptor, &is)) say(TRUNCATE, ours(descriptor), is.st_size, NULL, NULL, 0); \
        return failed;                                                                         \
    }
GROWING(posix_fallocate, off_t)
GROWING(posix_fallocate64, off64_t)

#define SYNCING(name)                                                                       \
    static void *real_##name;                                                               \
    int name(int descriptor) {                                                              \
        uint64_t inode = ours(descriptor);                                                  \
        if (inode) say(BEGIN, inode, 0, NULL, NULL, 0);                                     \
        int failed = REAL(name)(descriptor);                                                \
        if (inode && !failed) say(END, inode, 0, NULL, NULL, 0);                            \
        return failed;                                                                      \
    }
SYNCING(fsync)
SYNCING(fdatasync)
/* sync_file_range vouches for nothing (its own manual says so), so it is not written down. */

static int changed(int failed, uint32_t kind, const char *path, const char *other) {
    char room[8192], room2[8192];
    const char *name = below(path, room), *second = below(other, room2);
    if (!failed && name) say(kind, 0, 0, name, second, second ? strlen(second) : 0);
    return failed;
}
static void *real_unlink, *real_unlinkat, *real_rename, *real_renameat, *real_link, *real_truncate, *real_truncate64;
int unlink(const char *path) { return changed(REAL(unlink)(path), UNLINK, path, NULL); }
int unlinkat(int at, const char *path, int flags) {
    return changed(REAL(unlinkat)(at, path, flags), UNLINK, at == AT_FDCWD || path[0] == '/' ? path : NULL, NULL);
}
int rename(const char *path, const char *other) { return changed(REAL(rename)(path, other), RENAME, path, other); }
int renameat(int at, const char *path, int to, const char *other) {
    return changed(REAL(renameat)(at, path, to, other), RENAME, path, other);
}
int link(const char *path, const char *other) { return changed(REAL(link)(path, other), LINK, path, other); }
static int cut(int failed, const char *path, int64_t size) {
    char room[8192];
    struct stat is;
    if (!failed && below(path, room) && !stat(path, &is)) say(TRUNCATE, is.st_ino, size, NULL, NULL, 0);
    return failed;
}
int truncate(const char *path, off_t size) { return cut(REAL(truncate)(path, size), path, size); }
int truncate64(const char *path, off64_t size) { return cut(REAL(truncate64)(path, size), path, size); }

#define MAPPING(name, kind)                                                                      \
    static void *real_##name;                                                                    \
    void *name(void *where, size_t length, int rights, int flags, int descriptor, kind offset) { \
        if ((rights & PROT_WRITE) && (flags & MAP_SHARED) && ours(descriptor)) say(MAP, ours(descriptor), 0, NULL, NULL, 0); \
        return REAL(name)(where, length, rights, flags, descriptor, offset);                     \
    }
MAPPING(mmap, off_t)
MAPPING(mmap64, off64_t)
