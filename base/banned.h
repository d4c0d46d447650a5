/* Functions of the C library that lose bounds, share state or hide errors do not compile here.
 * The headers that declare them come first, so that only our own calls meet the macros. */
#ifndef HSMGATE_BASE_BANNED_H
#define HSMGATE_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(function) sorry_##function##_is_a_banned_function

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef strtok
#undef sprintf
#undef vsprintf
#undef gets
#undef localtime
#undef gmtime
#undef ctime
#undef asctime
#undef atoi
#undef atol
#undef atoll

/* copies: buf_append, mem_text, memcpy with a checked length */
#define strcpy(to, from)       BANNED(strcpy)
#define strcat(to, from)       BANNED(strcat)
#define strncpy(to, from, len) BANNED(strncpy)
#define strncat(to, from, len) BANNED(strncat)
#define strtok(text, marks)    BANNED(strtok)
/* formats: snprintf, mem_format, buf_printf */
#define sprintf(...)  BANNED(sprintf)
#define vsprintf(...) BANNED(vsprintf)
#define gets(to)      BANNED(gets)
/* time: base/clock.h */
#define localtime(when) BANNED(localtime)
#define gmtime(when)    BANNED(gmtime)
#define ctime(when)     BANNED(ctime)
#define asctime(when)   BANNED(asctime)
/* numbers: strtol and friends with the end and errno checked */
#define atoi(text)  BANNED(atoi)
#define atol(text)  BANNED(atol)
#define atoll(text) BANNED(atoll)

#endif
