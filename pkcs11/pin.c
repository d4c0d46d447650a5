/* pin: reads the PIN from a file, a systemd credential or an inherited descriptor.
 *
 * A PIN never comes from argv or the environment, and it lives only from pin_read to the end of
 * C_Login. The exception is a pipe: what came out of it is kept, because a later login needs it and
 * it cannot be read again. */
#include "pkcs11/pin.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/banned.h"
#include "base/mem.h"

#define PIN_MAX 255

static struct err from_file(const char *option, const char *path, struct secret *out)
{
    struct err err = secret_read_file(out, path, PIN_MAX);
    ENSURE(err.code == ERR_OK, ERR_CONFIG, "%s: %s", option, err.detail);
    return err_ok();
}

static struct err from_credential(const char *name, struct secret *out)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    ENSURE(folder != NULL && folder[0] == '/', ERR_CONFIG,
           "pin.credential: the service manager gave no credentials");
    CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder, name);
    return from_file("pin.credential", path, out);
}

static struct err from_descriptor(struct pin *pin, int fd, struct secret *out)
{
    if (pin->kept.len > 0) {
        secret_set(out, secret_span(&pin->kept));
        return err_ok();
    }
    struct err err = secret_read_fd(out, fd, PIN_MAX);
    ENSURE(err.code == ERR_OK, ERR_CONFIG, "pin.descriptor: %s", err.detail);
    if (lseek(fd, 0, SEEK_CUR) < 0) {
        secret_set(&pin->kept, secret_span(out));
    }
    return err_ok();
}

static struct err read_source(struct pin *pin, struct secret *out)
{
    if (pin->source->file != NULL) {
        return from_file("pin.file", pin->source->file, out);
    }
    if (pin->source->credential != NULL) {
        return from_credential(pin->source->credential, out);
    }
    return from_descriptor(pin, (int)*pin->source->descriptor, out);
}

struct err pin_read(struct pin *pin, struct secret *out)
{
    TRY(read_source(pin, out));
    ENSURE(out->len > 0, ERR_CONFIG, "pin: the PIN is empty");
    return err_ok();
}

void pin_clear(struct pin *pin)
{
    secret_clear(&pin->kept);
}
