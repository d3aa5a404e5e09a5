/*
 * Strings and memory, as far as they are needed (pv.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pv.h"

size_t pv_strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

bool pv_streq(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

int pv_parse_uint(const char *text, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;

    if (!*text)
        return -PV_EINVAL;
    for (; *text; text++) {
        unsigned int digit = (unsigned int)(*text - '0');

        if (digit > 9 || v > max / 10 || v * 10 > max - digit)
            return -PV_EINVAL;
        v = v * 10 + digit;
    }
    *value = v;
    return 0;
}

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#define SANITIZED __has_feature(address_sanitizer)
#else
#define SANITIZED 0
#endif

#if SANITIZED /* tests: the sanitizer does not see memory accesses of inline assembly */
void pv_copy(void *to, const void *from, size_t n)
{
    if (n)
        __builtin_memcpy(to, from, n);
}

void pv_zero(void *p, size_t n)
{
    if (n)
        __builtin_memset(p, 0, n);
}
#else
/* By the string instructions: they are fast on every CPU with ERMS, and small. */
void pv_copy(void *to, const void *from, size_t n)
{
    size_t words = n / 8, rest = n % 8;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) :: "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) :: "memory");
}

void pv_zero(void *p, size_t n)
{
    size_t words = n / 8, rest = n % 8;

    __asm__ volatile("rep stosq" : "+D"(p), "+c"(words) : "a"(0UL) : "memory");
    __asm__ volatile("rep stosb" : "+D"(p), "+c"(rest) : "a"(0UL) : "memory");
}
#endif

int pv_compare(const void *a, const void *b, size_t n)
{
    const unsigned char *l = a, *r = b;

    for (; n; n--, l++, r++)
        if (*l != *r)
            return *l < *r ? -1 : 1;
    return 0;
}

struct output { char *to; size_t size, length; };

static void put(struct output *out, char c)
{
    if (out->length + 1 < out->size)
        out->to[out->length] = c;
    out->length++;
}

struct spec { bool left, zero, is_long; unsigned int width; int precision; };

static void put_padded(struct output *out, const struct spec *spec, const char *text, size_t length)
{
    size_t padding = spec->width > length ? spec->width - length : 0;

    for (size_t i = 0; !spec->left && i < padding; i++)
        put(out, ' ');
    for (size_t i = 0; i < length; i++)
        put(out, text[i]);
    for (size_t i = 0; spec->left && i < padding; i++)
        put(out, ' ');
}

static void put_number(struct output *out, const struct spec *spec, uint64_t value, unsigned int base,
                       bool negative)
{
    char text[32];
    size_t at = sizeof(text), digits = 0;

    do {
        text[--at] = "0123456789abcdef"[value % base];
        value /= base;
        digits++;
    } while (value && at);
    while (spec->zero && digits + negative < spec->width && at > 1) {
        text[--at] = '0';
        digits++;
    }
    if (negative)
        text[--at] = '-';
    put_padded(out, spec, text + at, sizeof(text) - at);
}

static const char *parse_spec(const char *format, struct spec *spec, va_list *args)
{
    *spec = (struct spec){ .precision = -1 };
    for (;; format++) {
        if (*format == '-')
            spec->left = true;
        else if (*format == '0')
            spec->zero = true;
        else
            break;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        spec->width = spec->width * 10 + (unsigned int)(*format - '0');
    if (*format == '.') {
        format++;
        if (*format == '*') {
            spec->precision = va_arg(*args, int);
            format++;
        }
        else
            for (spec->precision = 0; *format >= '0' && *format <= '9'; format++)
                spec->precision = spec->precision * 10 + (*format - '0');
    }
    for (; *format == 'l' || *format == 'z'; format++)
        spec->is_long = true;
    return format;
}

int pv_vformat(char *to, size_t size, const char *format, va_list args)
{
    struct output out = { to, size, 0 };
    va_list rest;

    va_copy(rest, args);
    for (; *format; format++) {
        struct spec spec;
        const char *text;
        size_t length;
        char c;
        int64_t number;

        if (*format != '%') {
            put(&out, *format);
            continue;
        }
        format = parse_spec(format + 1, &spec, &rest);
        switch (*format) {
        case 's':
            text = va_arg(rest, const char *);
            text = text ? text : "(null)";
            for (length = 0; (spec.precision < 0 || length < (size_t)spec.precision) && text[length];)
                length++;
            put_padded(&out, &spec, text, length);
            break;
        case 'c':
            c = (char)va_arg(rest, int);
            put_padded(&out, &spec, &c, 1);
            break;
        case 'd':
            number = spec.is_long ? va_arg(rest, long) : va_arg(rest, int);
            put_number(&out, &spec, number < 0 ? -(uint64_t)number : (uint64_t)number, 10, number < 0);
            break;
        case 'u':
        case 'x':
            put_number(&out, &spec, spec.is_long ? va_arg(rest, unsigned long) : va_arg(rest, unsigned int),
                       *format == 'u' ? 10 : 16, false);
            break;
        case 'p':
            put_number(&out, &spec, (uintptr_t)va_arg(rest, void *), 16, false);
            break;
        case '%':
            put(&out, '%');
            break;
        default:
            put(&out, '?'); /* an unknown conversion: the compiler warns of it (attribute format) */
            format -= !*format;
        }
    }
    va_end(rest);
    if (size)
        to[out.length < size ? out.length : size - 1] = '\0';
    return (int)out.length;
}

int pv_format(char *to, size_t size, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = pv_vformat(to, size, format, args);
    va_end(args);
    return n;
}
