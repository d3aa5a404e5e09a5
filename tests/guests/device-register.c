/*
 * device-register: writes one 32-bit register of a device, once or for some seconds, and says how often.
 *
 * Usage: device-register FILE OFFSET VALUE SECONDS
 * The file is a BAR's in sysfs (resource0).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

int main(int argc, char **argv)
{
    unsigned long offset = argc == 5 ? strtoul(argv[2], NULL, 0) : 0, count = 0;
    uint32_t value = argc == 5 ? strtoul(argv[3], NULL, 0) : 0;
    time_t end = argc == 5 ? time(NULL) + atoi(argv[4]) : 0; /* time() counts whole seconds */
    int fd = argc == 5 ? open(argv[1], O_RDWR) : -1;
    uint8_t *page;

    if (argc != 5)
        return 100;
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset & ~4095UL);
    if (page == MAP_FAILED) {
        perror(argv[1]);
        return 111;
    }
    do {
        *(volatile uint32_t *)(page + offset % 4096) = value;
        count++;
    } while (time(NULL) < end);
    printf("%lu\n", count);
    return 0;
}
