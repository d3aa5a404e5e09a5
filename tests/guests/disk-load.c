/*
 * disk-load: reads or writes a disk past the page cache, one request at a time, and says how long
 * it took.
 *
 * Usage: disk-load DISK read|write sequential|random SIZE COUNT
 * Says "COUNT requests of SIZE bytes in N us". Random places are the same ones in each run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
    bool write_it = argc == 6 && !strcmp(argv[2], "write");
    bool at_random = argc == 6 && !strcmp(argv[3], "random");
    size_t size = argc == 6 ? strtoul(argv[4], NULL, 10) : 0;
    unsigned long count = argc == 6 ? strtoul(argv[5], NULL, 10) : 0;
    uint64_t place = 1, slots;
    void *buffer = size ? aligned_alloc(4096, size) : NULL;
    int fd = buffer ? open(argv[1], (write_it ? O_RDWR : O_RDONLY) | O_DIRECT) : -1;
    int64_t start;

    if (!count || !buffer)
        return 100;
    slots = fd >= 0 ? lseek(fd, 0, SEEK_END) / size : 0;
    if (!slots) {
        perror(argv[1]);
        return 111;
    }
    memset(buffer, 0x5a, size);
    start = now_us();
    for (unsigned long i = 0; i < count; i++) {
        off_t at = (at_random ? (place >> 33) % slots : i % slots) * size;
        ssize_t done = write_it ? pwrite(fd, buffer, size, at) : pread(fd, buffer, size, at);

        if (done != (ssize_t)size) {
            perror("disk-load");
            return 1;
        }
        place = place * UINT64_C(6364136223846793005) + 1;
    }
    printf("%lu requests of %zu bytes in %lld us\n", count, size, (long long)(now_us() - start));
    return 0;
}
