/* dev: a whole development gateway in one folder: SoftHSM token or one that is there already,
 * configuration, an administrator's bearer token, voters' keys. Made once; started again on the
 * same folder it goes on. */
#ifndef HSMGATE_GATEWAY_DEV_H
#define HSMGATE_GATEWAY_DEV_H

#include "gateway/gateway.h"

struct dev;

/* Makes what is missing in `folder` (created, 0700), writes the configuration for `listen`
 * (HOST:PORT; port 0 takes a free one) and locks the folder. The token is that of `worker_file`, or
 * with NULL a SoftHSM one, whose SOFTHSM2_CONF is exported to the processes that this one starts.
 * ERR_CONFLICT when another dev instance runs there; ERR_CONFIG and ERR_IO say what to do. */
MUST_USE struct err dev_prepare(const char *folder, const char *listen, const char *worker_file,
                                struct dev **out);
/* Absolute path of the hsmgated.yaml that was written. */
const char *dev_config(const struct dev *dev);
/* Absolute path of the folder. */
const char *dev_folder(const struct dev *dev);
/* Makes sure that the store knows the administrator's token. */
MUST_USE struct err dev_admit(const struct dev *dev, struct keystore *store);
/* Likewise its access key, of the same administrator; the token must be ready. There is none when
 * the token cannot encrypt, which is no error. */
MUST_USE struct err dev_admit_access_key(struct dev *dev, const struct gateway *gateway);
/* It serves: writes DIR/env, then DIR/ready. */
MUST_USE struct err dev_announce(const struct dev *dev, const char *host, uint16_t port);
/* It stops: removes DIR/ready, frees. Takes NULL. */
void dev_close(struct dev *dev);

#endif
