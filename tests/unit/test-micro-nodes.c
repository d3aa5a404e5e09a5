// sources: launcher/stubdom-micro/file.c launcher/stubdom-micro/poll.c launcher/stubdom-micro/fifo.c
// sources: launcher/stubdom-micro/pipe.c launcher/stubdom-micro/eventfd.c launcher/stubdom-micro/node.c
// sources: launcher/stubdom-micro/node-open.c launcher/stubdom-micro/node-calls.c
// sources: launcher/stubdom-micro/node-unpack.c launcher/stubdom-micro/memory-file.c launcher/stubdom-micro/mount.c
// sources: launcher/stubdom-micro/dev-misc.c launcher/stubdom-micro/socket.c launcher/stubdom-micro/socket-data.c
// sources: launcher/stubdom-micro/socket-rights.c launcher/stubdom-micro/socket-calls.c launcher/xen-layer/text.c
// sources: tests/unit/fake-pv.c tests/unit/fake-micro.c
// cflags: -D__XEN_INTERFACE_VERSION__=0x00040e00
/*
 * The tree of names, files in memory, the ramdisk's archive, mounts, /proc, and the simple devices in /dev.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "micro-files.h"

#include <linux/mount.h>
#include <linux/memfd.h>

#define HERE AT_FDCWD

static long open_path(const char *path, int flags, unsigned int mode)
{
    return sys(open, path, flags, mode);
}

/* Makes a file with this text, and closes it. */
static void make_file(const char *path, const char *text)
{
    long fd = open_path(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    if (*text)
        assert_int_equal(sys(write, fd, text, strlen(text)), strlen(text));
    sys(close, fd);
}

static long size_of(const char *path)
{
    struct stat st;
    long rc = sys(stat, path, &st);

    return rc ? rc : st.st_size;
}

/* ---- paths ---- */

static void test_open(void **state)
{
    char name[MICRO_NAME + 2], long_path[2 * MICRO_PATH];

    assert_int_equal(open_path("/missing", O_RDONLY, 0), -ENOENT);
    make_file("/file", "text");
    assert_int_equal(size_of("/file"), 4);
    assert_int_equal(size_of("//file"), 4);
    assert_int_equal(size_of("/./file"), 4);
    assert_int_equal(size_of("/../file"), 4);
    assert_int_equal(size_of("file"), 4);
    assert_int_equal(size_of("/file/"), -ENOTDIR);
    assert_int_equal(size_of("/file/x"), -ENOTDIR);
    assert_int_equal(size_of("/x/file"), -ENOENT);
    assert_int_equal(size_of(""), -ENOENT);
    assert_int_equal(open_path("/file", O_RDWR | O_CREAT | O_EXCL, 0), -EEXIST);
    assert_int_equal(open_path("/", O_RDWR, 0), -EISDIR);
    assert_int_equal(open_path("/new/", O_RDWR | O_CREAT, 0), -EISDIR);
    assert_int_equal(open_path("/file", O_DIRECTORY, 0), -ENOTDIR);
    assert_int_equal(open_path("/file", O_PATH, 0), -EOPNOTSUPP);
    assert_int_equal(open_path("/file", O_ACCMODE, 0), -EINVAL);
    assert_int_equal(open_path((void *)FAKE_USER_BAD, 0, 0), -EFAULT);
    memset(name, 'n', sizeof(name));
    name[MICRO_NAME + 1] = '\0';
    assert_int_equal(open_path(name, O_RDWR | O_CREAT, 0600), -ENAMETOOLONG);
    name[MICRO_NAME] = '\0';
    assert_int_equal(open_path(name, O_RDWR | O_CREAT, 0600), 0);
    memset(long_path, '/', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    assert_int_equal(open_path(long_path, O_RDONLY, 0), -ENAMETOOLONG);
    long_path[MICRO_PATH - 1] = '\0';
    assert_int_equal(open_path(long_path, O_RDONLY, 0), 1);
    assert_int_equal(sys(fcntl, 0, F_GETFL), O_RDWR | O_LARGEFILE);
}

static void test_names_are_whole(void **state)
{
    make_file("/abc", "3");
    make_file("/ab", "22");
    assert_int_equal(size_of("/abc"), 1);
    assert_int_equal(size_of("/ab"), 2);
    assert_int_equal(size_of("/a"), -ENOENT);
    assert_int_equal(size_of("/abcd"), -ENOENT);
}

static void test_open_at(void **state)
{
    struct stat st;

    sys(mkdir, "/folder", 0755);
    make_file("/folder/file", "x");
    assert_int_equal(open_path("/folder", O_RDONLY | O_DIRECTORY, 0), 0);
    assert_int_equal(sys(openat, 0, "file", O_RDONLY), 1);
    assert_int_equal(sys(openat, 1, "file", O_RDONLY), -ENOTDIR);
    assert_int_equal(sys(openat, 9, "file", O_RDONLY), -EBADF);
    assert_int_equal(sys(openat, 9, "/folder/file", O_RDONLY), 2);
    assert_int_equal(sys(newfstatat, 1, "", &st, AT_EMPTY_PATH), 0);
    assert_int_equal(st.st_size, 1);
    assert_int_equal(sys(newfstatat, 1, "", &st, 0), -ENOENT);
    assert_int_equal(sys(newfstatat, 0, "file", &st, 0x8000), -EINVAL);
    assert_int_equal(sys(chdir, "folder"), 0);
    assert_int_equal(size_of("file"), 1);
    assert_int_equal(size_of("../folder/./file"), 1);
    assert_int_equal(sys(rmdir, "../folder"), -ENOTEMPTY);
    assert_int_equal(sys(unlink, "file"), 0);
    assert_int_equal(sys(rmdir, "../folder"), 0);
    /* In a removed folder nothing can be made. */
    assert_int_equal(open_path("new", O_CREAT | O_WRONLY, 0600), -ENOENT);
    assert_int_equal(sys(getcwd, &st, sizeof(st)), -ENOENT);
}

static void test_links(void **state)
{
    char text[64];

    sys(mkdir, "/d", 0755);
    make_file("/d/file", "abc");
    assert_int_equal(sys(symlink, "d", "/to-d"), 0);
    assert_int_equal(sys(symlink, "/d/", "/slash"), 0);
    assert_int_equal(sys(symlink, "../d/file", "/d/to-file"), 0);
    assert_int_equal(sys(symlink, "x", "/to-d"), -EEXIST);
    assert_int_equal(sys(symlink, "", "/empty"), -ENOENT);
    assert_int_equal(size_of("/to-d/file"), 3);
    assert_int_equal(size_of("/slash/file"), 3);
    assert_int_equal(size_of("/slash"), size_of("/d"));
    assert_int_equal(size_of("/d/to-file"), 3);
    assert_int_equal(size_of("/d/to-file/"), -ENOTDIR);
    memset(text, 'x', sizeof(text));
    assert_int_equal(sys(readlink, "/d/to-file", text, 5), 5);
    assert_memory_equal(text, "../d/xxx", 8);
    assert_int_equal(sys(readlink, "/d/file", text, 5), -EINVAL);
    assert_int_equal(sys(readlink, "/to-d", text, 0), -EINVAL);
    assert_int_equal(open_path("/to-d", O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
    sys(symlink, "b", "/a");
    sys(symlink, "a", "/b");
    assert_int_equal(size_of("/a"), -ELOOP);
    sys(symlink, "made", "/dangling");
    assert_int_equal(open_path("/dangling", O_CREAT | O_EXCL | O_RDWR, 0600), -EEXIST);
    make_file("/dangling", "hello");
    assert_int_equal(size_of("/made"), 5);
    assert_int_equal(sys(unlink, "/dangling"), 0);
    assert_int_equal(size_of("/made"), 5);
}

/* Links to links: the rest of the path grows with each. */
static void test_long_links(void **state)
{
    char target[MICRO_PATH];

    memset(target, '/', sizeof(target));
    strcpy(target + 400, "x");
    assert_int_equal(sys(symlink, target, "/x"), 0);
    assert_int_equal(sys(symlink, target, "/y"), 0);
    memset(target, 'n', 200);
    memcpy(target, "/x/", 3);
    target[200] = '\0';
    assert_int_equal(size_of(target), -ENAMETOOLONG);
}

static void test_unlink_rmdir_rename(void **state)
{
    struct stat st;

    make_file("/a", "aa");
    make_file("/b", "b");
    sys(mkdir, "/d", 0755);
    sys(mkdir, "/d/e", 0755);
    assert_int_equal(sys(mkdir, "/d", 0755), -EEXIST);
    assert_int_equal(sys(mkdir, "/d/", 0755), -EEXIST);
    assert_int_equal(sys(unlink, "/d"), -EISDIR);
    assert_int_equal(sys(rmdir, "/a"), -ENOTDIR);
    assert_int_equal(sys(rmdir, "/d"), -ENOTEMPTY);
    assert_int_equal(sys(rmdir, "/d/."), -EINVAL);
    assert_int_equal(sys(rmdir, "/d/e/.."), -ENOTEMPTY);
    assert_int_equal(sys(rmdir, "/"), -EBUSY);
    assert_int_equal(open_path("/b", O_RDONLY, 0), 0);
    assert_int_equal(sys(rename, "/a", "/b"), 0);
    assert_int_equal(size_of("/b"), 2);
    sys(fstat, 0, &st);
    assert_int_equal(st.st_size, 1);
    assert_int_equal(st.st_nlink, 0);
    assert_int_equal(sys(rename, "/b", "/d"), -EISDIR);
    assert_int_equal(sys(rename, "/d", "/b"), -ENOTDIR);
    assert_int_equal(sys(rename, "/d", "/d/e/f"), -EINVAL);
    assert_int_equal(sys(rename, "/d", "/d"), 0);
    assert_int_equal(sys(rename, "/d/e", "/d"), -ENOTEMPTY);
    assert_int_equal(sys(rename, "/", "/d"), -EBUSY);
    assert_int_equal(sys(rename, "/b", "/x/b"), -ENOENT);
    assert_int_equal(sys(rename, "/b", "/d/e/longer-name"), 0);
    assert_int_equal(size_of("/d/e/longer-name"), 2);
    assert_int_equal(sys(unlinkat, HERE, "/d/e/longer-name", 0), 0);
    assert_int_equal(sys(unlinkat, HERE, "/d/e", AT_REMOVEDIR), 0);
    assert_int_equal(sys(unlinkat, HERE, "/d", 77), -EINVAL);
}

static void test_getcwd(void **state)
{
    char path[64];

    assert_int_equal(sys(getcwd, path, sizeof(path)), 2);
    assert_string_equal(path, "/");
    sys(mkdir, "/one", 0755);
    sys(mkdir, "/one/two", 0755);
    assert_int_equal(sys(chdir, "/one/two"), 0);
    assert_int_equal(sys(getcwd, path, 9), 9);
    assert_string_equal(path, "/one/two");
    assert_int_equal(sys(getcwd, path, 8), -ERANGE);
    assert_int_equal(sys(getcwd, FAKE_USER_BAD, 64), -EFAULT);
    assert_int_equal(sys(chdir, "/missing"), -ENOENT);
    assert_int_equal(open_path("/one", O_RDONLY, 0), 0);
    assert_int_equal(sys(fchdir, 0), 0);
    assert_int_equal(sys(getcwd, path, 64), 5);
}

struct entry { uint64_t ino; int64_t next; uint16_t size; uint8_t type; char name[]; };

/* Reads a folder with a buffer of this size. `to`: the names, joined. Returns the last call's result. */
static long list(long fd, size_t size, char *to)
{
    char bytes[512] __attribute__((aligned(8)));
    long n;

    *to = '\0';
    while ((n = sys(getdents64, fd, bytes, size)) > 0)
        for (long at = 0; at < n;) {
            struct entry *entry = (struct entry *)(bytes + at);

            assert_int_equal(entry->size % 8, 0);
            strcat(strcat(to, entry->name), entry->type == 4 ? "/ " : " ");
            at += entry->size;
        }
    return n;
}

static void test_getdents(void **state)
{
    char names[256], bytes[64];

    sys(mkdir, "/d", 0755);
    make_file("/d/one", "");
    sys(mkdir, "/d/two", 0755);
    make_file("/d/a-longer-name", "");
    open_path("/d", O_RDONLY, 0);
    assert_int_equal(list(0, 512, names), 0);
    assert_string_equal(names, "./ ../ one two/ a-longer-name ");
    sys(lseek, 0, 0, SEEK_SET);
    assert_int_equal(list(0, 40, names), 0);
    assert_string_equal(names, "./ ../ one two/ a-longer-name ");
    sys(lseek, 0, 0, SEEK_SET);
    assert_int_equal(sys(getdents64, 0, bytes, 10), -EINVAL);
    assert_int_equal(sys(getdents64, 0, FAKE_USER_BAD, 64), -EFAULT);
    assert_int_equal(sys(getdents64, 0, bytes, 24), 24);
    /* Entries come and go during the reading: none appears twice, and none that stays is lost. */
    sys(unlink, "/d/one");
    make_file("/d/new", "");
    assert_int_equal(list(0, 24, names), -EINVAL); /* no room for the next entry */
    assert_string_equal(names, "../ two/ ");
    assert_int_equal(list(0, 512, names), 0);
    assert_string_equal(names, "a-longer-name new ");
    assert_int_equal(sys(read, 0, bytes, 8), -EISDIR);
}

/* ---- permissions ---- */

static void test_permissions(void **state)
{
    make_file("/root", "x");
    sys(chmod, "/root", 0600);
    make_file("/all", "x");
    make_file("/his", "x");
    assert_int_equal(sys(chown, "/his", 100, 100), 0);
    sys(chmod, "/his", 0400);
    sys(mkdir, "/closed", 0700);
    make_file("/closed/file", "x");
    sys(mkdir, "/open", 0777);
    sys(chmod, "/open", 0777);
    sys(mkdir, "/sticky", 0777);
    sys(chmod, "/sticky", 01777);
    make_file("/sticky/file", "x");
    assert_int_equal(sys(access, "/his", 6), 0);
    assert_int_equal(sys(access, "/his", 1), -EACCES);
    assert_int_equal(sys(access, "/open", 7), 0);

    fake_uid = 100;
    assert_int_equal(open_path("/root", O_RDONLY, 0), -EACCES);
    assert_int_equal(open_path("/all", O_RDONLY, 0), 0);
    assert_int_equal(open_path("/all", O_WRONLY, 0), -EACCES);
    assert_int_equal(open_path("/all", O_RDONLY | O_TRUNC, 0), -EACCES);
    assert_int_equal(open_path("/his", O_RDONLY, 0), 1);
    assert_int_equal(open_path("/his", O_WRONLY, 0), -EACCES);
    assert_int_equal(sys(access, "/his", 2), -EACCES);
    assert_int_equal(sys(faccessat2, HERE, "/his", 4, AT_EACCESS), 0);
    assert_int_equal(sys(access, "/his", 8), -EINVAL);
    assert_int_equal(size_of("/closed/file"), -EACCES);
    assert_int_equal(sys(chdir, "/closed"), -EACCES);
    assert_int_equal(open_path("/new", O_CREAT | O_WRONLY, 0600), -EACCES);
    assert_int_equal(sys(mkdir, "/new", 0700), -EACCES);
    assert_int_equal(sys(unlink, "/all"), -EACCES);
    assert_int_equal(sys(rename, "/all", "/open/all"), -EACCES);
    assert_int_equal(sys(unlink, "/sticky/file"), -EPERM);
    assert_int_equal(sys(rename, "/sticky/file", "/open/file"), -EPERM);
    assert_int_equal(open_path("/open/mine", O_CREAT | O_RDWR, 0), 2); /* a new file: whatever its mode */
    assert_int_equal(sys(chmod, "/open/mine", 0644), 0);
    assert_int_equal(sys(chmod, "/all", 0666), -EPERM);
    assert_int_equal(sys(fchmod, 0, 0666), -EPERM);
    assert_int_equal(sys(chown, "/his", 0, -1), -EPERM);
    assert_int_equal(sys(chown, "/his", 100, 0), -EPERM);
    assert_int_equal(sys(chown, "/his", 100, -1), 0);
    assert_int_equal(sys(fchown, 0, 100, 100), -EPERM);
    assert_int_equal(sys(mount, "tmpfs", "/open", "tmpfs", 0, 0), -EPERM);
    assert_int_equal(sys(umount2, "/open", 2), -EPERM);
}

static void test_umask(void **state)
{
    struct stat st;

    assert_int_equal(sys(umask, 07077), 022);
    assert_int_equal(sys(umask, 077), 077);
    open_path("/file", O_CREAT | O_RDWR, 0666);
    sys(fstat, 0, &st);
    assert_int_equal(st.st_mode, S_IFREG | 0600);
    sys(mkdir, "/d", 0777);
    sys(stat, "/d", &st);
    assert_int_equal(st.st_mode, S_IFDIR | 0700);
}

/* ---- files in memory ---- */

static void test_content(void **state)
{
    char bytes[64];
    struct user_vec vecs[2] = { { (uintptr_t)bytes, 3 }, { (uintptr_t)bytes + 10, 4 } };

    open_path("/file", O_CREAT | O_RDWR, 0600);
    assert_int_equal(sys(write, 0, "0123456789", 10), 10);
    assert_int_equal(sys(lseek, 0, -3, SEEK_CUR), 7);
    assert_int_equal(sys(read, 0, bytes, 64), 3);
    assert_int_equal(sys(read, 0, bytes, 64), 0);
    assert_int_equal(sys(preadv, 0, vecs, 2, 2, 0), 7);
    assert_memory_equal(bytes, "234", 3);
    assert_memory_equal(bytes + 10, "5678", 4);
    assert_int_equal(sys(pwritev2, 0, vecs, 2, -1, 0, 0), 7);
    assert_int_equal(sys(lseek, 0, 0, SEEK_CUR), 17);
    assert_int_equal(sys(pwritev2, 0, vecs, 2, 0, 0, 0x80), -EOPNOTSUPP);
    assert_int_equal(sys(lseek, 0, -18, SEEK_END), -EINVAL);
    assert_int_equal(sys(lseek, 0, INT64_MAX, SEEK_END), -EINVAL);
    assert_int_equal(sys(lseek, 0, 0, 9), -EINVAL);
    assert_int_equal(sys(ftruncate, 0, 5), 0);
    assert_int_equal(sys(ftruncate, 0, 9), 0);
    memset(bytes, 'x', 64);
    assert_int_equal(sys(pread64, 0, bytes, 64, 0), 9);
    assert_memory_equal(bytes, "01234\0\0\0\0x", 10);
    assert_int_equal(sys(ftruncate, 0, -1), -EINVAL);
    assert_int_equal(sys(fcntl, 0, F_SETFL, O_APPEND), 0);
    sys(lseek, 0, 0, SEEK_SET);
    assert_int_equal(sys(write, 0, "++", 2), 2);
    assert_int_equal(sys(lseek, 0, 0, SEEK_CUR), 11);
    assert_int_equal(sys(write, 0, FAKE_USER_BAD, 2), -EFAULT);
    assert_int_equal(sys(read, 0, FAKE_USER_BAD, 2), 0);
    assert_int_equal(sys(pread64, 0, FAKE_USER_BAD, 2, 0), -EFAULT);
}

/* A file, compared with an array: writes, truncations and reads at random places. */
static void test_content_random(void **state)
{
    static uint8_t model[40 * PV_PAGE], bytes[3 * PV_PAGE];
    size_t size = 0;
    uint32_t random = 1;

    open_path("/file", O_CREAT | O_RDWR, 0600);
    for (int turn = 0; turn < 3000; turn++) {
        size_t at = (random = random * 1664525 + 1013904223) % (sizeof(model) - sizeof(bytes));
        size_t n = (random = random * 1664525 + 1013904223) % sizeof(bytes) + 1;

        if (turn % 10 == 9) {
            size_t to = at % (size + PV_PAGE);

            assert_int_equal(sys(ftruncate, 0, to), 0);
            if (to < size)
                memset(model + to, 0, size - to);
            size = to;
        } else if (turn % 2) {
            memset(bytes, turn, n);
            memset(model + at, turn, n);
            assert_int_equal(sys(pwrite64, 0, bytes, n, at), n);
            size = at + n > size ? at + n : size;
        } else {
            long want = at >= size ? 0 : (long)(n < size - at ? n : size - at);

            assert_int_equal(sys(pread64, 0, bytes, n, at), want);
            assert_memory_equal(bytes, model + at, want);
        }
        assert_int_equal(size_of("/file"), size);
    }
    sys(ftruncate, 0, 0);
    assert_int_equal(fake_pages_used, 0);
}

static void test_holes(void **state)
{
    char byte;

    open_path("/file", O_CREAT | O_RDWR, 0600);
    assert_int_equal(sys(pwrite64, 0, "x", 1, 5UL << 30), 1);
    assert_int_equal(fake_pages_used, 2); /* a page and its table */
    assert_int_equal(sys(lseek, 0, 0, SEEK_DATA), 5UL << 30);
    assert_int_equal(sys(lseek, 0, 5UL << 30, SEEK_HOLE), (5UL << 30) + 1);
    assert_int_equal(sys(lseek, 0, 7, SEEK_HOLE), 7);
    assert_int_equal(sys(lseek, 0, (5UL << 30) + 1, SEEK_DATA), -ENXIO);
    assert_int_equal(sys(lseek, 0, -1, SEEK_DATA), -ENXIO);
    assert_int_equal(sys(pread64, 0, &byte, 1, 1 << 30), 1);
    assert_int_equal(byte, 0);
    assert_int_equal(sys(pwrite64, 0, "x", 1, NODE_SIZE_MAX), -EFBIG);
    assert_int_equal(sys(pwrite64, 0, "x", 1, INT64_MAX), -EFBIG);
    assert_int_equal(sys(pwrite64, 0, "xy", 2, NODE_SIZE_MAX - 1), 1);
    assert_int_equal(sys(ftruncate, 0, NODE_SIZE_MAX + 1), -EFBIG);
    assert_int_equal(sys(fallocate, 0, 0, 8 * PV_PAGE, PV_PAGE), 0);
    assert_int_equal(sys(lseek, 0, 0, SEEK_DATA), 8 * PV_PAGE);
    assert_int_equal(sys(lseek, 0, 8 * PV_PAGE, SEEK_HOLE), 9 * PV_PAGE);
    assert_int_equal(sys(fallocate, 0, 3, 0, PV_PAGE), -EOPNOTSUPP);
    assert_int_equal(sys(fallocate, 0, 0, 0, 0), -EINVAL);
    assert_int_equal(sys(fallocate, 0, 0, INT64_MAX, INT64_MAX), -EFBIG);
}

/* Files do not get the last free pages. */
static void test_reserve(void **state)
{
    static char page[PV_PAGE];

    open_path("/file", O_CREAT | O_RDWR, 0600);
    assert_int_equal(sys(write, 0, page, 10), 10);
    fake_pages_left = NODE_RESERVE;
    assert_int_equal(sys(write, 0, page, PV_PAGE), PV_PAGE - 10);
    assert_int_equal(sys(write, 0, page, PV_PAGE), -ENOSPC);
    assert_int_equal(sys(fallocate, 0, 0, 0, 2 * PV_PAGE), -ENOSPC);
    assert_int_equal(sys(mkdir, "/d", 0755), -ENOSPC);
    assert_int_equal(open_path("/new", O_CREAT | O_RDWR, 0600), -ENOSPC);
    fake_pages_left = NODE_RESERVE + 1;
    assert_int_equal(sys(write, 0, page, PV_PAGE), PV_PAGE);
}

static void test_mapped_pages(void **state)
{
    struct file *file;
    char *page, byte;

    open_path("/file", O_CREAT | O_RDWR, 0600);
    file = fd_file(0);
    assert_null(file->ops->page(file, 0, true));
    sys(ftruncate, 0, PV_PAGE + 1);
    page = file->ops->page(file, 1, false);
    assert_non_null(page);
    assert_null(file->ops->page(file, 2, false));
    page[0] = 'm';
    assert_int_equal(sys(pread64, 0, &byte, 1, PV_PAGE), 1);
    assert_int_equal(byte, 'm');
    sys(pwrite64, 0, "n", 1, PV_PAGE);
    assert_int_equal(page[0], 'n');
    sys(close, 0);
    sys(unlink, "/file");
    assert_int_equal(page[0], 'n'); /* the mapping still has its page */
    pv_pages_put(page);
}

static void test_memfd(void **state)
{
    char name[300];
    struct stat st;

    memset(name, 'n', sizeof(name));
    name[249] = '\0';
    assert_int_equal(sys(memfd_create, name, MFD_CLOEXEC | MFD_ALLOW_SEALING), 0);
    name[249] = 'n';
    name[250] = '\0';
    assert_int_equal(sys(memfd_create, name, 0), -EINVAL);
    assert_int_equal(sys(memfd_create, "x", MFD_HUGETLB), -EINVAL);
    assert_int_equal(sys(fcntl, 0, F_GETFD), 1);
    sys(fstat, 0, &st);
    assert_int_equal(st.st_mode, S_IFREG | 0777);
    assert_int_equal(st.st_nlink, 0);
    sys(ftruncate, 0, 100);
    assert_int_equal(sys(fcntl, 0, F_ADD_SEALS, F_SEAL_GROW), 0);
    assert_int_equal(sys(ftruncate, 0, 101), -EPERM);
    assert_int_equal(sys(pwrite64, 0, "xy", 2, 99), -EPERM);
    assert_int_equal(sys(fallocate, 0, 0, 0, 101), -EPERM);
    assert_int_equal(sys(ftruncate, 0, 50), 0);
    assert_int_equal(sys(fcntl, 0, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL), 0);
    assert_int_equal(sys(ftruncate, 0, 49), -EPERM);
    assert_int_equal(sys(fcntl, 0, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    assert_int_equal(sys(fcntl, 0, F_ADD_SEALS, F_SEAL_GROW), -EPERM);
    assert_int_equal(sys(memfd_create, "x", 0), 1);
    assert_int_equal(sys(fcntl, 1, F_ADD_SEALS, F_SEAL_GROW), -EPERM);
    assert_int_equal(sys(fcntl, 1, F_ADD_SEALS, F_SEAL_WRITE), -EINVAL);
    open_path("/file", O_CREAT | O_RDWR, 0600);
    assert_int_equal(sys(fcntl, 2, F_GET_SEALS), -EINVAL);
}

/* ---- failures ---- */

static long attempt_file(void)
{
    long fd = open_path("/file", O_CREAT | O_RDWR, 0600), rc;

    if (fd < 0)
        return fd;
    rc = sys(write, fd, "text", 4);
    sys(close, fd);
    if (rc < 0)
        sys(unlink, "/file");
    return rc;
}
static void remove_file(void) { sys(unlink, "/file"); }
static void test_file_failures(void **state) { try_all_failures(attempt_file, remove_file); }

static long attempt_symlink(void) { return sys(symlink, "target", "/file"); }
static void test_symlink_failures(void **state) { try_all_failures(attempt_symlink, remove_file); }

static long attempt_rename(void) { return sys(rename, "/a", "/file"); }
static void rename_back(void) { sys(rename, "/file", "/a"); }
static void test_rename_failures(void **state)
{
    make_file("/a", "a");
    try_all_failures(attempt_rename, rename_back);
    assert_int_equal(size_of("/a"), 1);
}

static long attempt_memfd(void)
{
    long fd = sys(memfd_create, "name", 0);

    if (fd >= 0)
        sys(close, fd);
    return fd;
}
static void nothing(void) { }
static void test_memfd_failures(void **state) { try_all_failures(attempt_memfd, nothing); }

/* ---- the archive ---- */

static char archive[16 * PV_PAGE] __attribute__((aligned(4096)));
static size_t archive_size;

static void pad_to(size_t align)
{
    while (archive_size % align)
        archive[archive_size++] = '\0';
}

/* align: the name is padded so that the data begins at a multiple of it. */
static void add_linked(const char *name, unsigned int mode, const void *data, size_t size,
                       size_t align,
                       unsigned int links)
{
    size_t start = archive_size, name_size = strlen(name) + 1;

    while ((start + 110 + name_size) % align)
        name_size++;
    assert_true(start + 110 + name_size + size + 4 < sizeof(archive));
    sprintf(archive + start, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 7,
            mode, 5, 6, links,
            1000, size, 0, 0, 0, 0, name_size, 0);
    memset(archive + start + 110, 0, name_size);
    strcpy(archive + start + 110, name);
    archive_size = start + 110 + name_size;
    pad_to(4);
    memcpy(archive + archive_size, data, size);
    archive_size += size;
    pad_to(4);
}

static void add(const char *name, unsigned int mode, const void *data, size_t size, size_t align)
{
    add_linked(name, mode, data, size, align, 1);
}

static int start_archive(void **state)
{
    memset(archive, 0, sizeof(archive));
    archive_size = 0;
    return files_start(state);
}

static void test_unpack(void **state)
{
    static char big[3 * PV_PAGE + 50], bytes[sizeof(big)];
    struct stat st;

    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 3 + i / 256 + 1);
    add(".", S_IFDIR | 0711, "", 0, 1);
    add("usr", S_IFDIR | 0755, "", 0, 1);
    add("usr/small", S_IFREG | 0640, "tiny", 4, 1);
    add("usr/big", S_IFREG | 0755, big, sizeof(big), PV_PAGE);
    add("made/on/the/way", S_IFREG | 0644, big, PV_PAGE + 1, 1);
    add("aligned", S_IFREG | 0644, big, PV_PAGE, PV_PAGE);
    add("link", S_IFLNK | 0777, "usr/small", 9, 1);
    add("null", S_IFCHR | 0666, "", 0, 1);
    add("empty", S_IFREG | 0644, "", 0, 1);
    add("TRAILER!!!", 0, "", 0, 1);
    assert_int_equal(nodes_unpack(archive, archive_size), 0);
    /* Four pages stay in place; all others of the archive are freed. */
    assert_int_equal(fake_pages_added, (archive_size + PV_PAGE - 1) / PV_PAGE - 4);
    assert_int_equal(open_path("/usr/big", O_RDWR, 0), 0);
    assert_int_equal(sys(read, 0, bytes, sizeof(bytes)), sizeof(big));
    assert_memory_equal(bytes, big, sizeof(big));
    assert_int_equal(open_path("/made/on/the/way", O_RDONLY, 0), 1);
    assert_int_equal(sys(read, 1, bytes, sizeof(bytes)), PV_PAGE + 1);
    assert_memory_equal(bytes, big, PV_PAGE + 1);
    assert_int_equal(size_of("/aligned"), PV_PAGE);
    assert_int_equal(size_of("/link"), 4);
    assert_int_equal(size_of("/null"), -ENOENT);
    assert_int_equal(size_of("/empty"), 0);
    sys(stat, "/usr/small", &st);
    assert_int_equal(st.st_mode, S_IFREG | 0640);
    assert_int_equal(st.st_uid, 5);
    assert_int_equal(st.st_gid, 6);
    assert_int_equal(st.st_mtime, 1000);
    assert_int_equal(node_root()->mode, S_IFDIR | 0711);
    /* Behind the file's end are zeros, and not the archive's bytes. */
    assert_int_equal(sys(ftruncate, 0, 4 * PV_PAGE), 0);
    assert_int_equal(sys(pread64, 0, bytes, 50, sizeof(big)), 50);
    for (int i = 0; i < 50; i++)
        assert_int_equal(bytes[i], 0);
}

static void test_unpack_in_place(void **state)
{
    static char page[PV_PAGE];
    struct file *file;
    char *mapped;

    memset(page, 'p', sizeof(page));
    add("file", S_IFREG | 0755, page, sizeof(page), PV_PAGE);
    add("TRAILER!!!", 0, "", 0, 1);
    assert_int_equal(nodes_unpack(archive, archive_size), 0);
    assert_int_equal(node_open("/file", O_RDONLY, &file), 0);
    mapped = file->ops->page(file, 0, false);
    assert_ptr_equal(mapped, archive + PV_PAGE);
    pv_pages_put(mapped);
    file_put(file);
}

static void test_unpack_two(void **state)
{
    add("a", S_IFREG | 0644, "1", 1, 1);
    add("TRAILER!!!", 0, "", 0, 1);
    pad_to(512);
    add("b", S_IFREG | 0644, "22", 2, 1);
    add("TRAILER!!!", 0, "", 0, 1);
    pad_to(512);
    assert_int_equal(nodes_unpack(archive, archive_size), 0);
    assert_int_equal(size_of("/a"), 1);
    assert_int_equal(size_of("/b"), 2);
}

static void expect_broken(int error)
{
    assert_int_equal(nodes_unpack(archive, archive_size), error);
    remove_below(node_root());
    assert_int_equal(fake_heap_used, 0);
    assert_int_equal(fake_pages_used, 0);
    memset(archive, 0, sizeof(archive));
    archive_size = 0;
}

static void test_unpack_broken(void **state)
{
    memset(archive, 'x', 200);
    archive_size = 120;
    expect_broken(-EINVAL);
    add("file", S_IFREG, "text", 4, 1);
    archive_size -= 1; /* the last member's padding */
    archive_size = 110 + 3;
    expect_broken(-EINVAL);
    add("file", S_IFREG, "texttext", 8, 1);
    archive_size -= 5;
    expect_broken(-EINVAL);
    add("file", S_IFREG, "text", 4, 1);
    memcpy(archive + 6 + 8 * 6, "ffffffff", 8); /* its size */
    expect_broken(-EINVAL);
    add("file", S_IFREG, "text", 4, 1);
    memcpy(archive + 6 + 8 * 11, "00000000", 8); /* its name's size */
    expect_broken(-EINVAL);
    add("file", S_IFREG, "text", 4, 1);
    memcpy(archive + 6 + 8 * 11, "ffffffff", 8);
    expect_broken(-EINVAL);
    add("file", S_IFREG, "text", 4, 1);
    archive[20] = 'g';
    expect_broken(-EINVAL);
    add("file", S_IFREG, "text", 4, 1);
    archive[110 + 4] = 'x'; /* no NUL behind the name */
    expect_broken(-EINVAL);
    add("link", S_IFLNK, "", 0, 1);
    expect_broken(-EINVAL);
    add_linked("file", S_IFREG, "text", 4, 1, 2);
    expect_broken(-EOPNOTSUPP);
    add("file", S_IFREG, "text", 4, 1);
    add("file", S_IFREG, "text", 4, 1);
    expect_broken(-EEXIST);
}

/* Each allocation fails in turn: an error, and no page is lost or used twice. */
static void test_unpack_failures(void **state)
{
    static char big[2 * PV_PAGE + 7];

    for (long n = 0;; n++) {
        int rc;

        start_archive(state);
        add("d/big", S_IFREG | 0755, big, sizeof(big), PV_PAGE);
        add("d/small", S_IFREG | 0755, "x", 1, 1);
        add("link", S_IFLNK | 0777, "d", 1, 1);
        add("TRAILER!!!", 0, "", 0, 1);
        fake_alloc_fails = n;
        rc = nodes_unpack(archive, archive_size);
        if (fake_alloc_fails >= 0) {
            assert_int_equal(rc, 0);
            assert_true(n > 5);
            break;
        }
        assert_int_equal(rc, -ENOMEM);
        files_end(state);
    }
}

/* ---- devices, mounts ---- */

static int opened_flags;
static const struct file_ops device_ops = { .seekable = false };
static int device_open(void *arg, int flags, struct file **file)
{
    opened_flags = flags;
    *file = file_new(&device_ops, flags, NULL);
    return *file ? 0 : -ENOMEM;
}

static void test_devices(void **state)
{
    struct stat st;

    assert_int_equal(device_add("/dev/xen/thing", S_IFCHR | 0600, 0x123, device_open, NULL), 0);
    assert_int_equal(device_add("/dev/xen/thing", S_IFCHR | 0600, 0x123, device_open, NULL),
                     -EEXIST);
    assert_int_equal(open_path("/dev/xen/thing", O_RDWR | O_TRUNC | O_NONBLOCK, 0), 0);
    assert_true(opened_flags & O_NONBLOCK);
    sys(fstat, 0, &st);
    assert_int_equal(st.st_mode, S_IFCHR | 0600);
    assert_int_equal(st.st_rdev, 0x123);
    fake_uid = 100;
    assert_int_equal(open_path("/dev/xen/thing", O_RDWR, 0), -EACCES);
    fake_uid = 0;
    assert_int_equal(sys(fchown, 0, 100, 100), 0);
    fake_uid = 100;
    assert_int_equal(open_path("/dev/xen/thing", O_RDWR, 0), 1);
    device_remove("/dev/xen/thing");
    assert_int_equal(open_path("/dev/xen/thing", O_RDWR, 0), -ENOENT);
    sys(fstat, 0, &st);
    assert_int_equal(st.st_uid, 100);
}

static void test_mounts(void **state)
{
    sys(mkdir, "/run", 0755);
    assert_int_equal(dev_misc_init(), 0);
    assert_int_equal(sys(mount, "devtmpfs", "/dev", "devtmpfs", 0, 0), -EBUSY);
    assert_int_equal(sys(mount, "proc", "/proc", "proc", 0, 0), -EBUSY);
    assert_int_equal(sys(mount, "proc", "/run", "proc", 0, 0), -ENODEV);
    assert_int_equal(sys(mount, "/usr.erofs", "/run", "erofs", MS_RDONLY, 0), -ENOENT);
    assert_int_equal(sys(mount, "/run", "/run", "erofs", MS_RDONLY, 0), -ENODEV);
    assert_int_equal(sys(mount, "/run", "/missing", "tmpfs", 0, 0), -ENOENT);
    assert_int_equal(sys(mkdir, "/run/files", 0755), 0);
    assert_int_equal(sys(umount2, "/run/files", 2), -EINVAL);
    assert_int_equal(sys(mount, "tmpfs", "/run/files", "tmpfs", 0, "size=100%"), 0);
    assert_int_equal(sys(mount, "tmpfs", "/run/files", "tmpfs", 0, 0), -EBUSY);
    make_file("/run/files/0", "boot");
    sys(mkdir, "/run/files/d", 0755);
    make_file("/run/files/d/f", "x");
    assert_int_equal(sys(rename, "/run/files/0", "/run/0"), -EXDEV);
    assert_int_equal(sys(rmdir, "/run/files"), -EBUSY);
    assert_int_equal(open_path("/run/files/0", O_RDONLY, 0), 0);
    assert_int_equal(sys(umount2, "/run/files", 0), -EBUSY);
    assert_int_equal(sys(umount2, "/run/files", 2), 0);
    assert_int_equal(size_of("/run/files/0"), -ENOENT);
    assert_int_equal(sys(lseek, 0, 0, SEEK_END), 4);
    assert_int_equal(sys(rmdir, "/run/files"), 0);
    assert_int_equal(sys(umount2, "/dev", 2), -EBUSY);
    assert_int_equal(sys(umount2, "/", 2), -EBUSY);
}

static void test_read_only_root(void **state)
{
    char byte = 0;

    dev_misc_init();
    make_file("/file", "x");
    open_path("/file", O_RDWR, 0);
    assert_int_equal(sys(mount, 0, "/", 0, MS_REMOUNT | MS_RDONLY, 0), 0);
    assert_int_equal(sys(mount, 0, "/dev", 0, MS_REMOUNT | MS_RDONLY, 0), -EINVAL);
    assert_int_equal(open_path("/file", O_RDWR, 0), -EROFS);
    assert_int_equal(open_path("/file", O_RDONLY | O_TRUNC, 0), -EROFS);
    assert_int_equal(open_path("/new", O_CREAT | O_WRONLY, 0600), -EROFS);
    assert_int_equal(sys(unlink, "/file"), -EROFS);
    assert_int_equal(sys(rename, "/file", "/b"), -EROFS);
    assert_int_equal(sys(mkdir, "/d", 0755), -EROFS);
    assert_int_equal(sys(symlink, "x", "/d"), -EROFS);
    assert_int_equal(sys(chmod, "/file", 0600), -EROFS);
    assert_int_equal(sys(access, "/file", 2), -EROFS);
    assert_int_equal(sys(access, "/file", 4), 0);
    assert_int_equal(open_path("/file", O_RDONLY, 0), 1);
    assert_int_equal(sys(read, 1, &byte, 1), 1);
    /* Other mounts stay writable. */
    assert_int_equal(open_path("/dev/null", O_RDWR, 0), 2);
    assert_int_equal(sys(chmod, "/dev/null", 0600), 0);
    assert_int_equal(sys(chown, "/dev/zero", 5, 5), 0);
    assert_int_equal(sys(memfd_create, "x", 0), 3);
    assert_int_equal(sys(write, 3, "x", 1), 1);
    assert_int_equal(sys(mount, 0, "/", 0, MS_REMOUNT, 0), 0);
    assert_int_equal(open_path("/file", O_RDWR, 0), 4);
}

static long read_text(const char *path, char *to, size_t size)
{
    long fd = open_path(path, O_RDONLY, 0), n;

    assert_true(fd >= 0);
    n = sys(read, fd, to, size);
    sys(close, fd);
    return n;
}

static void test_misc(void **state)
{
    char bytes[300] = "";
    struct { char words[6][65]; } name;

    assert_int_equal(dev_misc_init(), 0);
    assert_int_equal(read_text("/proc/cmdline", bytes, 300), 7);
    assert_string_equal(bytes, "fake=1\n");
    assert_true(read_text("/proc/meminfo", bytes, 300) > 0);
    assert_non_null(strstr(bytes, "MemAvailable:       4000 kB\n"));
    open_path("/proc/sys/vm/overcommit_memory", O_WRONLY, 0);
    assert_int_equal(sys(write, 0, "1", 1), 1);
    sys(close, 0);
    open_path("/dev/null", O_RDWR, 0);
    assert_int_equal(sys(write, 0, bytes, 300), 300);
    assert_int_equal(sys(read, 0, bytes, 300), 0);
    memset(bytes, 'x', 300);
    assert_int_equal(read_text("/dev/zero", bytes, 300), 300);
    assert_int_equal(bytes[299], 0);
    assert_int_equal(read_text("/dev/urandom", bytes, 300), 300);
    assert_int_equal(sys(getrandom, bytes, 300, 0), 300);
    assert_int_equal(sys(getrandom, bytes, 300, 8), -EINVAL);
    assert_int_equal(sys(getrandom, FAKE_USER_BAD, 300, 0), -EFAULT);
    assert_int_equal(sys(uname, &name), 0);
    assert_string_equal(name.words[0], "Linux");
    assert_string_equal(name.words[2], "6.12.0-micro");
}

#define test(name) cmocka_unit_test_setup_teardown(name, files_start, files_end)
#define archive_test(name) cmocka_unit_test_setup_teardown(name, start_archive, files_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_open), test(test_names_are_whole), test(test_open_at), test(test_links),
        test(test_long_links), test(test_unlink_rmdir_rename), test(test_getcwd),
        test(test_getdents), test(test_permissions), test(test_umask), test(test_content),
        test(test_content_random), test(test_holes), test(test_reserve), test(test_mapped_pages),
        test(test_memfd), test(test_file_failures), test(test_symlink_failures),
        test(test_rename_failures), test(test_memfd_failures), archive_test(test_unpack),
        archive_test(test_unpack_in_place), archive_test(test_unpack_two),
        archive_test(test_unpack_broken), archive_test(test_unpack_failures), test(test_devices),
        test(test_mounts), test(test_read_only_root), test(test_misc),
    };

    return cmocka_run_group_tests_name("micro nodes", tests, NULL, NULL);
}
