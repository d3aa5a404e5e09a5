// sources: launcher/xen-layer/text.c
/*
 * Random numbers: ChaCha20, compared with RFC 8439; what the numbers depend on; a CPU without a generator.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

/* Included, because its key is never reset: each test must begin without one. */
#include "launcher/xen-layer/entropy.c"

static char said[1024];

void pv_log(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    pv_vformat(said + strlen(said), sizeof(said) - strlen(said), format, args);
    va_end(args);
}

/* dom0's node: NULL, there is none. */
static const char *seed_node;
static int read_error, remove_error;

int pv_store_read(const char *path, char *value, size_t size)
{
    assert_string_equal(path, "stubdom-seed");
    if (read_error || !seed_node)
        return read_error ?: -PV_ENOENT;
    if (strlen(seed_node) >= size)
        return -PV_ERANGE;
    strcpy(value, seed_node);
    return (int)strlen(value);
}

int pv_store_remove(const char *path)
{
    assert_string_equal(path, "stubdom-seed");
    assert_non_null(seed_node);
    if (!remove_error)
        seed_node = NULL;
    return remove_error;
}

/* -1: no generator; else how many words it gives. */
static long words_left;
static uint64_t next_word;

bool pv_cpu_random(uint64_t *word)
{
    if (words_left <= 0)
        return false;
    words_left--;
    *word = next_word++;
    return true;
}

static int setup(void **state)
{
    said[0] = '\0';
    memset(key, 0, sizeof(key));
    seeded = false;
    seed_node = NULL;
    read_error = remove_error = 0;
    words_left = 0;
    next_word = 1;
    return 0;
}

#define SEED "00112233445566778899aabbccddeeff0123456789ABCDEFfedcba9876543210"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* RFC 8439, A.1: test vectors 1 to 4 of the block function (their nonces are zero). */
static void test_chacha(void **state)
{
    static const struct { uint32_t key0, key7, counter; const char *block; } cases[] = {
        { 0, 0, 0, "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
                   "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586" },
        { 0, 0, 1, "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
                   "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f" },
        { 0, 0x01000000, 1, "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
                            "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0" },
        { 0x0000ff00, 0, 2, "72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
                            "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t with[8] = { cases[i].key0, [7] = cases[i].key7 };
        char hex[2 * PV_CHACHA_BLOCK + 1];
        uint8_t block[PV_CHACHA_BLOCK];

        pv_chacha_block(with, cases[i].counter, block);
        for (size_t b = 0; b < sizeof(block); b++)
            sprintf(hex + 2 * b, "%02x", block[b]);
        assert_string_equal(hex, cases[i].block);
    }
}

static void test_nothing(void **state)
{
    uint8_t data[32] = { 0 }, zeros[32] = { 0 };

    pv_entropy_init();
    assert_non_null(strstr(said, "no random numbers"));
    assert_int_equal(pv_random(data, sizeof(data)), -PV_ENODEV);
    assert_memory_equal(data, zeros, sizeof(data));
    /* A generator that works only later is enough. */
    words_left = 100;
    assert_int_equal(pv_random(data, sizeof(data)), 0);
    assert_memory_not_equal(data, zeros, sizeof(data));
    words_left = 0;
    assert_int_equal(pv_random(data, sizeof(data)), 0);
}

/* If the generator stops before there is a whole key, there are no random numbers. */
static void test_generator_that_runs_dry(void **state)
{
    uint8_t data[32];

    words_left = 3;
    pv_entropy_init();
    assert_int_equal(pv_random(data, sizeof(data)), -PV_ENODEV);
}

static void test_seeds(void **state)
{
    static char long_seed[1026];
    const struct { const char *seed; bool good, said; } cases[] = {
        { NULL, false, false },
        { SEED, true, false },
        { "0123456789abcdef0123456789abcdef", true, false },
        { SEED SEED SEED SEED "1", true, false },
        { long_seed + 1, true, false },
        { long_seed, false, true },
        { "0123456789abcdef0123456789abcde", false, true },
        { "", false, true }, { SEED "x", false, true }, { SEED " ", false, true }, { " " SEED, false, true },
    };
    uint8_t data[8];

    memset(long_seed, 'a', sizeof(long_seed) - 1);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup(NULL);
        seed_node = cases[i].seed;
        pv_entropy_init();
        assert_int_equal(pv_random(data, sizeof(data)), cases[i].good ? 0 : -PV_ENODEV);
        assert_int_equal(strstr(said, "is no seed") != NULL, cases[i].said);
        assert_null(seed_node); /* the node is removed before programs run */
    }
}

static void test_seed_that_stays(void **state)
{
    uint8_t data[8];

    seed_node = SEED;
    remove_error = -PV_EACCES;
    pv_entropy_init();
    assert_int_equal(pv_random(data, sizeof(data)), 0);
    assert_non_null(strstr(said, "stays in xenstore"));
    assert_null(strstr(said, SEED));
    setup(NULL);
    seed_node = SEED;
    read_error = -PV_EACCES;
    pv_entropy_init();
    assert_int_equal(pv_random(data, sizeof(data)), -PV_ENODEV);
    assert_non_null(strstr(said, "is no seed"));
}

/* Every input changes the output, and the same inputs give the same output. */
static void draw(const char *seed, long words, uint64_t first, uint8_t data[200])
{
    setup(NULL);
    seed_node = seed;
    words_left = words;
    next_word = first;
    pv_entropy_init();
    assert_int_equal(pv_random(data, 200), 0);
}

static void test_what_it_depends_on(void **state)
{
    uint8_t outputs[9][200], again[200];

    draw(SEED, 0, 0, outputs[0]);
    draw(SEED, 4, 1, outputs[1]);
    draw(SEED, 8, 1, outputs[2]);
    draw(SEED, 4, 2, outputs[3]);
    draw(NULL, 8, 1, outputs[4]);
    draw(NULL, 4, 1, outputs[5]);
    draw(SEED "1", 0, 0, outputs[6]);
    draw(SEED SEED, 0, 0, outputs[7]);
    draw(ZEROS, 0, 0, outputs[8]); /* must differ from a seed of two equal pieces */
    for (size_t i = 0; i < 9; i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(outputs[i], outputs[j], 32);
    draw(SEED, 8, 1, again);
    assert_memory_equal(again, outputs[2], sizeof(again));
    /* The last digit of the first 256 bits matters, too. */
    draw("00112233445566778899aabbccddeeff0123456789ABCDEFfedcba9876543211", 0, 0, again);
    assert_memory_not_equal(again, outputs[0], 32);
}

/* The expected output was computed by another program. */
static void test_known_answer(void **state)
{
    static const char *const expected[] = { "491fda446f8a9a8ab27e9fd409a49e1d", "a30518f13e2279dff86967d29b6e6a7c" };
    static const char *const seeds[] = { SEED, SEED "0123456789abcdef" };

    for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
        uint8_t data[200];
        char hex[33];

        draw(seeds[i], 0, 0, data);
        for (size_t b = 0; b < 16; b++)
            sprintf(hex + 2 * b, "%02x", data[b]);
        assert_string_equal(hex, expected[i]);
    }
}

/* The key of an earlier output is not kept, and no two outputs or blocks are the same. */
static void test_the_key_goes(void **state)
{
    uint8_t one[300], two[300];
    uint32_t before[8];

    seed_node = SEED;
    pv_entropy_init();
    memcpy(before, key, sizeof(key));
    one[299] = 0x5a;
    assert_int_equal(pv_random(one, 299), 0);
    assert_int_equal(one[299], 0x5a);
    assert_memory_not_equal(key, before, sizeof(key));
    assert_memory_not_equal(key, one, sizeof(key));
    assert_int_equal(pv_random(two, 299), 0);
    assert_memory_not_equal(one, two, 64);
    assert_memory_not_equal(one, one + 64, 64);
    assert_int_equal(pv_random(two, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_chacha), TEST(test_nothing), TEST(test_generator_that_runs_dry), TEST(test_seeds),
        TEST(test_seed_that_stays),
        TEST(test_what_it_depends_on), TEST(test_known_answer), TEST(test_the_key_goes),
    };

    return cmocka_run_group_tests_name("pv-entropy", tests, NULL, NULL);
}
