/* Fake of a failing disk: while the file named by FAIL_WRITE is there, write() to a file
 * whose path ends in "points.jsonl" fails with the error number that the file holds; if
 * that is 0, it writes half of what it was given. Loaded by LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int asked_error(void) {
    const char *name = getenv("FAIL_WRITE");
    char text[16] = {0};
    int file = name ? (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY, 0) : -1;
    if (file < 0) return -1;
    long got = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    return got > 0 ? atoi(text) : -1;
}

static int is_points(int descriptor) {
    static const char end[] = "points.jsonl";
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, sizeof path);
    ssize_t last = (ssize_t)sizeof end - 1;
    return size >= last && memcmp(path + size - last, end, (size_t)last) == 0;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    if (is_points(descriptor)) {
        int error = asked_error();
        if (error > 0) {
            errno = error;
            return -1;
        }
        if (error == 0) count /= 2;
    }
    return syscall(SYS_write, descriptor, bytes, count);
}
