/* The operator's log: one line per event on standard error, with time, level and area; never a
 * secret. It is not the audit log. Safe from any thread; a line is one write(2). */
#ifndef HSMGATE_BASE_LOG_H
#define HSMGATE_BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Lines above the level are dropped; LOG_INFO at start. Call before threads start. */
void log_set_level(enum log_level level);
/* Control characters in the message are written as `?`. */
void log_line(enum log_level level, const char *area, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(area, ...)   log_line(LOG_ERROR, area, __VA_ARGS__)
#define log_warning(area, ...) log_line(LOG_WARNING, area, __VA_ARGS__)
#define log_info(area, ...)    log_line(LOG_INFO, area, __VA_ARGS__)
#define log_debug(area, ...)   log_line(LOG_DEBUG, area, __VA_ARGS__)

#endif
