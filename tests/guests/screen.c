/*
 * In the Linux guest: sets a graphics mode of QEMU's standard VGA by its own registers (QEMU's
 * docs/specs/standard-vga.rst) and paints the whole screen, 32 bits a pixel.
 *
 *   screen WIDTH HEIGHT RRGGBB            one colour
 *   screen WIDTH HEIGHT noise SECONDS     noise, repainted five times a second
 *   screen blits COUNT                    on a cirrus: begins COUNT blits from the CPU and aborts
 *                                         each; prints how long a blit took, and how long a write
 *                                         to the screen takes after them
 *   screen cover                          turns the adapter's memory off, and puts the first memory
 *                                         BAR of a NIC (e1000) in its place for a moment; prints
 *                                         whose it was then, and what is in it afterwards
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define REGISTERS 0x500 /* at this offset of the third BAR, two bytes each */
#define VGA_PORTS 0x400 /* likewise: the ports from 0x3c0 on, a byte each */
enum { VGA_ATTRIBUTE = 0x3c0 - 0x3c0, VGA_STATUS = 0x3da - 0x3c0 };
enum { XRES = 1, YRES = 2, BPP = 3, ENABLE = 4, ENABLED_LINEAR = 0x41 };

enum { DISPLAY = 0x0300, NIC = 0x0200 };

/* A file of the first PCI device of that class. */
static int open_file(int class, const char *name)
{
    char line[16] = "", path[128];
    glob_t list;

    glob("/sys/bus/pci/devices/*", 0, NULL, &list);
    for (size_t i = 0; i < list.gl_pathc; i++) {
        FILE *f;

        snprintf(path, sizeof(path), "%s/class", list.gl_pathv[i]);
        f = fopen(path, "r");
        if (f && fgets(line, sizeof(line), f) && strtol(line, NULL, 16) >> 8 == class) {
            snprintf(path, sizeof(path), "%s/%s", list.gl_pathv[i], name);
            return open(path, O_RDWR);
        }
    }
    return -1;
}

/* A memory area of such a device. */
static void *map(int class, int area, size_t size)
{
    char name[16];
    void *memory;

    snprintf(name, sizeof(name), "resource%d", area);
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, open_file(class, name), 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* The registers of a cirrus's blitter in its second BAR: CIRRUS_MMIO_BLT… of QEMU's cirrus_vga.c, plus 0x100. */
enum { BLIT_PITCH = 0x10c, BLIT_MODE = 0x118, BLIT_STATUS = 0x140 };
enum { FROM_CPU = 0x04, BUSY = 0x01, START = 0x02, RESET = 0x04 };

static double microseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static int begin_blits(int count)
{
    volatile uint32_t *screen = map(DISPLAY, 0, 4096);
    volatile uint8_t *cirrus = map(DISPLAY, 1, 4096);
    double start, blits;

    if (!screen || !cirrus || count < 1) {
        fprintf(stderr, "screen: no cirrus\n");
        return 1;
    }
    cirrus[BLIT_PITCH] = 80;
    cirrus[BLIT_MODE] = FROM_CPU;
    start = microseconds();
    for (int i = 0; i < count; i++) {
        cirrus[BLIT_STATUS] = START;
        if (!(cirrus[BLIT_STATUS] & BUSY)) {
            fprintf(stderr, "screen: the blit does not wait for the CPU\n");
            return 1;
        }
        cirrus[BLIT_STATUS] = RESET;
        cirrus[BLIT_STATUS] = 0;
    }
    blits = microseconds();
    for (int i = 0; i < 1024; i++)
        screen[i] = i;
    printf("blit %.0f us, write %.2f us\n", (blits - start) / count, (microseconds() - blits) / 1024);
    return 0;
}

/* PCI's: the command, and the place of the first memory area. */
enum { COMMAND = 0x04, PLACE = 0x10 };
enum { MEMORY_ON = 0x02, E1000_STATUS = 2, WORDS = 256 };

static void set_memory(int config, bool on)
{
    uint16_t command = 0;

    pread(config, &command, sizeof(command), COMMAND);
    command = on ? command | MEMORY_ON : command & ~MEMORY_ON;
    pwrite(config, &command, sizeof(command), COMMAND);
}

static void put(int config, uint32_t place)
{
    set_memory(config, false);
    pwrite(config, &place, sizeof(place), PLACE);
    set_memory(config, true);
}

static int cover(void)
{
    int adapter = open_file(DISPLAY, "config"), nic = open_file(NIC, "config"), kept = 0;
    volatile uint32_t *screen = map(DISPLAY, 0, 4096), *registers = map(NIC, 0, 4096);
    uint32_t place = 0, home = 0, status, seen;
    double start;

    if (adapter < 0 || nic < 0 || !screen || !registers) {
        fprintf(stderr, "screen: no adapter, or no NIC\n");
        return 1;
    }
    status = registers[E1000_STATUS];
    for (int i = 0; i < WORDS; i++)
        screen[i] = ~i;
    pread(adapter, &place, sizeof(place), PLACE);
    pread(nic, &home, sizeof(home), PLACE);
    set_memory(adapter, false);
    put(nic, place & ~15);
    seen = screen[E1000_STATUS];
    put(nic, home);
    set_memory(adapter, true);
    for (int i = 0; i < WORDS; i++)
        kept += screen[i] == (uint32_t)~i;
    start = microseconds();
    for (int i = 0; i < WORDS; i++)
        screen[i] = i;
    printf("%s's, %d of %d words kept, write %.2f us\n", seen == status ? "the NIC" : "not the NIC", kept, WORDS,
           (microseconds() - start) / WORDS);
    return 0;
}

static void paint_noise(uint32_t *screen, size_t pixels, uint32_t n)
{
    for (size_t i = 0; i < pixels; i++) {
        n ^= n << 13;
        n ^= n >> 17;
        n ^= n << 5;
        screen[i] = n;
    }
}

int main(int argc, char **argv)
{
    int width = atoi(argc > 3 ? argv[1] : "0"), height = atoi(argc > 3 ? argv[2] : "0");
    size_t pixels = (size_t)width * height;
    volatile uint16_t *registers;
    uint32_t *screen;
    time_t end;

    if (argc == 3 && !strcmp(argv[1], "blits"))
        return begin_blits(atoi(argv[2]));
    if (argc == 2 && !strcmp(argv[1], "cover"))
        return cover();
    if (!pixels) {
        fprintf(stderr, "usage: screen WIDTH HEIGHT RRGGBB | noise SECONDS | blits COUNT | cover\n");
        return 100;
    }
    screen = map(DISPLAY, 0, pixels * 4);
    registers = map(DISPLAY, 2, 4096);
    if (!screen || !registers) {
        perror("screen");
        return 1;
    }
    /* Turns the display on, as a driver does. The BIOS does so at boot, but not after S3. */
    (void)((volatile uint8_t *)registers)[VGA_PORTS + VGA_STATUS];
    ((volatile uint8_t *)registers)[VGA_PORTS + VGA_ATTRIBUTE] = 0x20;
    registers += REGISTERS / 2;
    registers[ENABLE] = 0;
    registers[XRES] = width;
    registers[YRES] = height;
    registers[BPP] = 32;
    registers[ENABLE] = ENABLED_LINEAR;
    if (strcmp(argv[3], "noise")) {
        uint32_t colour = strtoul(argv[3], NULL, 16);

        for (size_t i = 0; i < pixels; i++)
            screen[i] = colour;
        return 0;
    }
    end = time(NULL) + atoi(argc > 4 ? argv[4] : "0");
    for (uint32_t n = 1; n == 1 || time(NULL) < end; n++) {
        paint_noise(screen, pixels, n);
        usleep(200000);
    }
    return 0;
}
