/*
 * In the Linux guest: a SCSI request that its adapter (LSI 53C895A, without a driver) cannot finish.
 *
 *   scsi-hold     asks the disk sdb for a sector, and does not let the disk reselect
 *
 * The adapter's script, and all that it reads and writes, is in the adapter's own memory. Its registers and
 * instructions are those of LSI's technical manual; qemu/scsi-save does the same without a guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DSTAT = 0x0c, ISTAT = 0x14, DSP = 0x2c, SIST = 0x42 };
enum { ABORTED_BY_SCRIPT = 1, ABORTED_BY_BUS = 2 }; /* in ISTAT */
enum { IDENTIFY = 0x400, COMMAND = 0x410, MESSAGES = 0x420, STATUS = 0x430 };

#define SELECT { 0x40010008, 0 } /* SCSI id 1 */
#define MOVE(phase, count, at) { 0x08000000 | (phase) << 24 | (count), at }
#define WAIT_DISCONNECT { 0x48000000, 0 }
#define INTERRUPT { 0x98080000, 0 }
enum { COMMAND_OUT = 2, STATUS_IN = 3, MESSAGE_OUT = 6, MESSAGE_IN = 7 };

static const uint32_t ask[][2] = {
    SELECT, MOVE(MESSAGE_OUT, 1, IDENTIFY), MOVE(COMMAND_OUT, 10, COMMAND), MOVE(MESSAGE_IN, 2, MESSAGES), INTERRUPT,
};
/* For a disk that has answered without disconnecting. */
static const uint32_t finish[][2] = {
    MOVE(STATUS_IN, 1, STATUS), MOVE(MESSAGE_IN, 1, MESSAGES), WAIT_DISCONNECT, INTERRUPT,
};

static volatile uint8_t *registers, *memory;
static uint32_t base; /* the memory's bus address */

static int open_file(const char *device, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", device, name);
    return open(path, O_RDWR | O_SYNC);
}

static int find_adapter(void)
{
    char text[512] = "", *line = text;
    glob_t list;

    glob("/sys/bus/pci/devices/*", 0, NULL, &list);
    for (size_t i = 0; i < list.gl_pathc; i++) {
        const char *device = list.gl_pathv[i];
        int config = open_file(device, "config");
        uint16_t id[2], command = 6; /* memory, bus master */
        FILE *f;

        if (pread(config, id, 4, 0) != 4 || id[0] != 0x1000 || id[1] != 0x0012)
            continue;
        snprintf(text, sizeof(text), "%s/resource", device);
        f = fopen(text, "r");
        for (int n = 0; f && n < 3; n++)
            line = fgets(text, sizeof(text), f);
        if (!line || sscanf(line, "%x", &base) != 1 || pwrite(config, &command, 2, 4) != 2)
            return -1;
        registers = mmap(NULL, 1024, PROT_READ | PROT_WRITE, MAP_SHARED, open_file(device, "resource1"), 0);
        memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, open_file(device, "resource2"), 0);
        return registers == MAP_FAILED || memory == MAP_FAILED ? -1 : 0;
    }
    return -1;
}

static void put(uint32_t at, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        memory[at + i] = bytes[i];
}

/* Executes a script until it ends. Returns ABORTED_BY_…, or 0 if it does not end. */
static int execute(const uint32_t (*script)[2], size_t steps)
{
    for (size_t i = 0; i < steps; i++) {
        int moves = !(script[i][0] >> 30);
        uint32_t step[2] = { script[i][0], script[i][1] + (moves ? base : 0) };

        put(i * 8, (const uint8_t *)step, 8);
    }
    (void)registers[DSTAT];
    (void)registers[SIST];
    *(volatile uint32_t *)(registers + DSP) = base;
    for (int i = 0; i < 100; i++, usleep(10000)) {
        int why = registers[ISTAT] & (ABORTED_BY_SCRIPT | ABORTED_BY_BUS);

        if (why)
            return why;
    }
    return 0;
}

#define EXECUTE(script) execute(script, sizeof(script) / sizeof(script[0]))

int main(void)
{
    static const uint8_t identify = 0xc0, read_10[10] = { 0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0 };

    if (find_adapter()) {
        puts("no adapter");
        return 1;
    }
    put(IDENTIFY, &identify, 1);
    put(COMMAND, read_10, 10);
    for (int i = 0; i < 4; i++) {
        if (EXECUTE(ask) == ABORTED_BY_SCRIPT) {
            puts("held");
            return 0;
        }
        EXECUTE(finish); /* the disk has only reported a reset */
    }
    puts("the disk does not disconnect");
    return 1;
}
