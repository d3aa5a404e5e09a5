/*
 * mmap() and its kind (space.c). A mapping has address space of its own, and gets a page when it is touched. Nothing is
 * shared, since there is only one process: a mapped file is read into memory. A boot file, which may be large, is not
 * read: its pages become the mapping.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define mmap _mmap /* libpthread and the C library call both */
#include <sys/cdefs.h>
#include <sys/types.h>

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

#define PIECE (64UL * 1024)

static size_t pages_of(size_t size)
{
    return size / PV_PAGE + (size % PV_PAGE != 0);
}

static int result(int rc)
{
    if (!rc)
        return 0;
    errno = host_errno(rc);
    return -1;
}

static void *place(void *addr, size_t size, int flags)
{
    uintptr_t va = (uintptr_t)addr;

    if (flags & MAP_FIXED)
        return result(space_remap(va, pages_of(size), SPACE_LAZY)) ? NULL : addr;
    va = space_map(pages_of(size), SPACE_LAZY);
    if (!va)
        errno = ENOMEM;
    return (void *)va;
}

/*
 * Only the host knows which file a descriptor is of. So a byte is read, and the host is asked which file that was.
 * Afterwards the file does not exist any more; open descriptors read nothing.
 */
static void *take_file(size_t size, int fd, off_t offset)
{
    char byte;

    host_file_read_last();
    return !offset && pread(fd, &byte, 1, 0) == 1 ? host_boot_take(host_file_read_last(), size) : NULL;
}

/*
 * QEMU's screen is a file without a name, all zeros, which it shares with nobody. Reading it would allocate all of its
 * pages in the rump kernel, and touch all of the mapping's.
 */
static bool is_nameless(int fd, int flags)
{
    struct stat st;

    return flags & MAP_SHARED && !fstat(fd, &st) && S_ISREG(st.st_mode) && !st.st_nlink;
}

/*
 * Reads the file into the mapping, in pieces, because the rump kernel copies each read through its own memory. What is
 * behind the file's end stays zero.
 */
static int fill(char *p, size_t size, int fd, off_t offset)
{
    ssize_t got;

    for (size_t done = 0; done < size; done += (size_t)got) {
        got = pread(fd, p + done, size - done < PIECE ? size - done : PIECE, offset + (off_t)done);
        if (got <= 0)
            return (int)got;
    }
    return 0;
}

void *mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
    int align = flags >> MAP_ALIGNMENT_SHIFT & 0xff, error;
    bool anonymous;
    void *p;

    if (!size || align > (int)PV_PAGE_SHIFT) {
        errno = EINVAL;
        return MAP_FAILED;
    }
    anonymous = flags & MAP_ANON || is_nameless(fd, flags);
    p = anonymous || flags & MAP_FIXED ? NULL : take_file(size, fd, offset);
    if (p)
        return p;
    p = place(addr, size, flags);
    if (!p)
        return MAP_FAILED;
    if (anonymous || !fill(p, size, fd, offset))
        return p;
    error = errno;
    space_unmap((uintptr_t)p, pages_of(size));
    errno = error;
    return MAP_FAILED;
}
#undef mmap
__weak_alias(mmap, _mmap);

int munmap(void *p, size_t size)
{
    return result(space_unmap((uintptr_t)p, pages_of(size)));
}

/* Serves PROT_NONE, for guard pages of stacks. Other protection is ignored: it would only catch bugs. */
int mprotect(void *p, size_t size, int prot)
{
    uintptr_t va = (uintptr_t)p & ~(PV_PAGE - 1);
    size_t pages = pages_of(size + ((uintptr_t)p - va));

    if (prot == PROT_NONE)
        return result(space_remap(va, pages, SPACE_GUARD));
    if (space_is_guard(va))
        return result(space_remap(va, pages, SPACE_LAZY));
    return 0;
}

/* ---- advice, and locking: both do nothing ---- */

int madvise(void *p, size_t size, int advice)
{
    return 0;
}
__strong_alias(posix_madvise, madvise);

int minherit(void *p, size_t size, int inherit)
{
    return 0;
}

int _sys___msync13(void *p, size_t size, int flags);

int _sys___msync13(void *p, size_t size, int flags)
{
    return 0;
}

int mlock(const void *p, size_t size)
{
    return 0;
}

int munlock(const void *p, size_t size)
{
    return 0;
}

int mlockall(int flags)
{
    return 0;
}

int munlockall(void)
{
    return 0;
}

int mincore(void *p, size_t size, char *vec)
{
    errno = ENOSYS;
    return -1;
}
