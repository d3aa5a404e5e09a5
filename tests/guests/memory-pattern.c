/*
 * memory-pattern: fills memory with numbers that follow from their address, and checks them for ever. So a guest can
 * tell whether its memory is right after a save, a restore or a migration. A page in each megabyte is rewritten every
 * round, so that a page with old content is noticed too.
 *
 * Usage: memory-pattern MEGABYTES FILE     goes to the background
 * FILE says "round N, errors M" after each round.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 512            /* numbers in a page */
#define MEGABYTE (PAGE * 256)

/* The number at an address in a round; one multiplication mixes its bits. */
static uint64_t number(size_t at, uint64_t round)
{
    return (at + 1) * 0x9e3779b97f4a7c15u + round;
}

/* The page of each megabyte that a round rewrites. */
static size_t fresh_page(uint64_t round)
{
    return round % 256;
}

/* When was this page written last? Round 0 wrote them all. */
static uint64_t written_in(size_t page, uint64_t round)
{
    uint64_t ago = (round + 256 - page) % 256;

    return ago < round ? round - ago : 0;
}

static void rewrite(uint64_t *memory, size_t size, uint64_t round)
{
    for (size_t base = fresh_page(round) * PAGE; base < size; base += MEGABYTE)
        for (size_t i = base; i < base + PAGE; i++)
            memory[i] = number(i, round);
}

static uint64_t count_errors(const volatile uint64_t *memory, size_t size, uint64_t round)
{
    uint64_t errors = 0;

    for (size_t page = 0; page < size / PAGE; page++) {
        uint64_t then = written_in(page % 256, round);

        for (size_t i = page * PAGE; i < (page + 1) * PAGE; i++)
            errors += memory[i] != number(i, then);
    }
    return errors;
}

static void report(const char *file, uint64_t round, uint64_t errors)
{
    char text[80];
    int len = snprintf(text, sizeof(text), "round %llu, errors %llu\n", (unsigned long long)round,
                       (unsigned long long)errors);
    int fd = open(file, O_WRONLY | O_CREAT, 0644);

    /* No truncation: the text never gets shorter. */
    if (fd < 0 || pwrite(fd, text, len, 0) != len)
        _exit(1);
    close(fd);
}

int main(int argc, char **argv)
{
    size_t size = argc == 3 ? strtoul(argv[1], NULL, 10) * MEGABYTE : 0;
    uint64_t *memory, errors = 0;

    if (!size)
        return 100;
    memory = mmap(NULL, size * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 111;
    for (size_t i = 0; i < size; i++)
        memory[i] = number(i, 0);
    if (daemon(1, 0))
        return 111;
    for (uint64_t round = 1;; round++) {
        rewrite(memory, size, round);
        errors += count_errors(memory, size, round);
        report(argv[2], round, errors);
        usleep(100000);
    }
}
