/*
 * How dom0 sends a boot file: over a vchan whose server is the stub domain, in one direction, once.
 *
 *   octets 0-7     the file's length, little endian, at most BOOT_FILE_MAX
 *   then           that many bytes
 *
 * When the stub domain has all bytes it closes the vchan. If dom0's daemon restarts before that, its end of the vchan
 * goes away: then the vchan is offered again, and dom0 sends the whole file once more.
 *
 * Path: /local/domain/<stub>/device-model/<guest>/files/<enum dm_file_kind>
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BOOT_FILE_WIRE_H
#define BOOT_FILE_WIRE_H

#include <stdint.h>

#define BOOT_FILE_HEADER 8
#define BOOT_FILE_MAX (1u << 30)

static inline void boot_file_pack(uint8_t header[BOOT_FILE_HEADER], uint64_t length)
{
    for (int i = 0; i < BOOT_FILE_HEADER; i++)
        header[i] = length >> (8 * i);
}

static inline uint64_t boot_file_unpack(const uint8_t header[BOOT_FILE_HEADER])
{
    uint64_t length = 0;

    for (int i = 0; i < BOOT_FILE_HEADER; i++)
        length |= (uint64_t)header[i] << (8 * i);
    return length;
}

#endif
