/* worker_path: where hsmgate-token is, seen from this program. */
#ifndef HSMGATE_GATEWAY_WORKER_PATH_H
#define HSMGATE_GATEWAY_WORKER_PATH_H

/* The first that can be run of: beside this program, ../lib/hsmgate, ../libexec/hsmgate,
 * ../pkcs11 (a build folder); the first place when there is none. Free with mem_free. */
char *worker_path_default(void);

#endif
