/*
 * A plugin of the lab's emulator: counts how often each translated block of the machine's
 * code is executed. A line NAME that is written to the pipe DIR/control makes a file
 * DIR/NAME of what was executed since the line before, one line a block:
 *   ADDRESS INSTRUCTIONS EXECUTIONS BYTES
 * ADDRESS (virtual) and BYTES are hexadecimal; BYTES, the block's code, at most CODE_MAX
 * of it, tell whose address space it was.
 *   -plugin profile-plugin.so,dir=DIR
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <qemu-plugin.h>

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CODE_MAX 48
#define BUCKETS (1 << 16)

struct block {
    struct block *next;
    uint64_t address;
    uint32_t instructions, length;
    unsigned char code[CODE_MAX];
    qemu_plugin_u64 executed;
    uint64_t reported;
};

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *blocks[BUCKETS];
static char dir[256];

static void block_describe(struct block *block, const struct qemu_plugin_tb *tb)
{
    block->address = qemu_plugin_tb_vaddr(tb);
    block->instructions = qemu_plugin_tb_n_insns(tb);
    for (uint32_t i = 0; i < block->instructions && block->length < CODE_MAX; i++)
        block->length += qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i),
                                               block->code + block->length,
                                               CODE_MAX - block->length);
}

/* Finds the block with the same code at the same address: the same block may be translated several times. */
static struct block *block_find(const struct block *wanted)
{
    struct block **bucket = &blocks[(wanted->address ^ wanted->address >> 16) % BUCKETS];
    struct block *block;

    for (block = *bucket; block; block = block->next)
        if (block->address == wanted->address && block->instructions == wanted->instructions &&
            block->length == wanted->length && !memcmp(block->code, wanted->code, block->length))
            return block;
    block = malloc(sizeof(*block));
    if (!block)
        abort();
    *block = *wanted;
    block->executed = qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(sizeof(uint64_t)));
    block->next = *bucket;
    *bucket = block;
    return block;
}

static void block_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    struct block wanted = { 0 }, *block;

    block_describe(&wanted, tb);
    pthread_mutex_lock(&lock);
    block = block_find(&wanted);
    pthread_mutex_unlock(&lock);
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64,
                                                      block->executed, 1);
}

static void block_write(struct block *block, FILE *file)
{
    uint64_t count = qemu_plugin_u64_sum(block->executed);

    if (count == block->reported)
        return;
    fprintf(file, "%" PRIx64 " %u %" PRIu64 " ", block->address, block->instructions,
            count - block->reported);
    for (uint32_t i = 0; i < block->length; i++)
        fprintf(file, "%02x", block->code[i]);
    fputc('\n', file);
    block->reported = count;
}

/* The file is renamed when it is complete, so that a reader who waits for the name gets all of it. */
static void report(const char *name)
{
    char part[PATH_MAX], whole[PATH_MAX];
    FILE *file;

    snprintf(part, sizeof(part), "%s/.part", dir);
    snprintf(whole, sizeof(whole), "%s/%s", dir, name);
    file = fopen(part, "w");
    if (!file)
        return;
    pthread_mutex_lock(&lock);
    for (unsigned int i = 0; i < BUCKETS; i++)
        for (struct block *block = blocks[i]; block; block = block->next)
            block_write(block, file);
    pthread_mutex_unlock(&lock);
    fclose(file);
    rename(part, whole);
}

static void *listen_to(void *path)
{
    /* Opened for writing, too, so that there is no end of file when a writer closes it. */
    FILE *control = fopen(path, "r+");
    char name[64];

    if (!control)
        return NULL;
    /* Without this, exit() would wait for the stream's lock, which the reading thread holds. */
    __fsetlocking(control, FSETLOCKING_BYCALLER);
    while (fgets(name, sizeof(name), control)) {
        name[strcspn(name, "\n")] = 0;
        report(name);
    }
    return NULL;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    static char path[PATH_MAX];
    pthread_t listener;

    if (argc != 1 || sscanf(argv[0], "dir=%255s", dir) != 1) {
        fprintf(stderr, "profile-plugin: dir=DIR is missing\n");
        return -1;
    }
    snprintf(path, sizeof(path), "%s/control", dir);
    if (mkfifo(path, 0600) < 0 || pthread_create(&listener, NULL, listen_to, path)) {
        perror(path);
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
    return 0;
}
