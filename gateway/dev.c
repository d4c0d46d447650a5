/* A development instance in one folder. Everything is made when missing and kept when there, each
 * file whole or not at all, so that a start that was killed half-way is simply repeated. A lock on
 * the folder keeps two instances apart before either touches anything. */
#include "gateway/dev.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/banned.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "gateway/access_keys.h"
#include "gateway/caller.h"
#include "gateway/dev_inner.h"
#include "gateway/listen_socket.h"

#define TOKEN_RANDOM    32 /* bytes of a bearer token */
#define ACCESS_KEY_MS   20000
#define WORKER_FILE_MAX 65536

struct dev {
    char *folder;
    char *config;
    int lock; /* -1: the folder is not ours */
    struct buf bearer;
    struct buf aws_id;
    struct buf aws_secret;
    bool no_access_key;     /* the token cannot seal its secret */
    struct buf roster_root; /* hex */
};

static char *path_in(const struct dev *dev, const char *name)
{
    return mem_format("%s/%s", dev->folder, name);
}

static struct err write_text(const struct dev *dev, const char *name, const struct buf *text)
{
    CLEANUP(mem_free_at) char *path = path_in(dev, name);
    return file_write(path, buf_span(text), 0600);
}

static struct err secret_in(const struct dev *dev, const char *name, const char *prefix,
                            size_t random_len, struct buf *out)
{
    CLEANUP(mem_free_at) char *path = path_in(dev, name);
    return dev_secret_file(path, prefix, random_len, out);
}

/* The folder's absolute path goes into YAML in double quotes and into softhsm2.conf. */
static struct err open_folder(struct dev *dev, const char *folder)
{
    TRY(file_make_folder(folder, 0700));
    char real[PATH_MAX];
    ENSURE(realpath(folder, real) != NULL, ERR_IO, "the folder cannot be used: %s",
           strerrordesc_np(errno));
    dev->folder = mem_text(real);
    for (const char *at = dev->folder; *at != '\0'; at++) {
        ENSURE((unsigned char)*at > 0x20 && strchr("\"\\'#$`", *at) == NULL, ERR_CONFIG,
               "the folder's path has blanks, quotes or other odd characters: use another");
    }
    CLEANUP(mem_free_at) char *lock = path_in(dev, "lock");
    CLEANUP(fd_close) int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    ENSURE(fd >= 0, ERR_IO, "the folder cannot be written: %s", strerrordesc_np(errno));
    ENSURE(flock(fd, LOCK_EX | LOCK_NB) == 0, ERR_CONFLICT,
           "another development instance runs on this folder: stop it first");
    dev->lock = fd_take(&fd);
    return err_ok();
}

static void remove_ready(const struct dev *dev)
{
    CLEANUP(mem_free_at) char *ready = path_in(dev, "ready");
    (void)unlink(ready);
}

static struct err make_secrets(struct dev *dev)
{
    TRY(secret_in(dev, "admin.token", BEARER_PREFIX, TOKEN_RANDOM, &dev->bearer));
    TRY(secret_in(dev, "aws.id", "HGDEV", 12, &dev->aws_id));
    TRY(secret_in(dev, "aws.secret", "", 30, &dev->aws_secret));
    CLEANUP(mem_free_at) char *voters = path_in(dev, "voters");
    TRY(file_make_folder(voters, 0700));
    for (int i = 1; i <= DEV_VOTERS; i++) {
        CLEANUP(mem_free_at) char *path = mem_format("%s/voter-%d.pem", voters, i);
        TRY(dev_voter_file(path));
    }
    CLEANUP(mem_free_at) char *roster = path_in(dev, "roster.json");
    return dev_roster_file(dev->folder, roster, &dev->roster_root);
}

static struct err make_token(const struct dev *dev, struct buf *text)
{
    CLEANUP(mem_free_at) char *pin = path_in(dev, "token.pin");
    CLEANUP(mem_free_at) char *latch = path_in(dev, "latch");
    TRY(dev_softhsm_prepare(dev->folder, pin));
    TRY(file_make_folder(latch, 0700));
    return buf_printf(text,
                      "module: \"%s\"\ntoken:\n  label: hsmgate-dev\npin:\n  file: \"%s\"\n"
                      "latch_dir: \"%s\"\n",
                      dev_softhsm_module(), pin, latch);
}

/* The worker's file: somebody's or that of a token made here, and our roster's root. */
static struct err write_worker_file(const struct dev *dev, const char *worker_file)
{
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(buf_printf(&text, "# Made by `hsmgated dev`, written anew at each start.\n"));
    if (worker_file == NULL) {
        TRY(make_token(dev, &text));
    } else {
        CLEANUP(buf_clear) struct buf given = {.max = WORKER_FILE_MAX};
        struct err err = file_read(worker_file, &given);
        ENSURE(err.code == ERR_OK, err.code, "%s: %s", worker_file, err.detail);
        TRY(buf_append(&text, buf_span(&given)));
    }
    TRY(buf_printf(&text, "\nroster_root: %.*s\n", (int)dev->roster_root.len,
                   (const char *)dev->roster_root.data));
    return write_text(dev, "token-dev.yaml", &text);
}

/* `HOST:0` becomes a port that is free now, so that the configuration can name it. */
static struct err choose_port(const char *listen, char *out, size_t out_len)
{
    size_t len = strlen(listen);
    (void)snprintf(out, out_len, "%s", listen);
    if (len < 3 || strcmp(listen + len - 2, ":0") != 0) {
        return err_ok();
    }
    bool six = listen[0] == '[';
    CLEANUP(mem_free_at)
    char *host = span_to_text(span_of(listen + (six ? 1 : 0), len - (six ? 4 : 2)));
    CLEANUP(fd_close) int fd = -1;
    uint16_t port = 0;
    ENSURE(listen_is_loopback(host), ERR_CONFIG,
           "a development instance listens on loopback only (127.0.0.1 or [::1]), not on %s", host);
    TRY(listen_tcp(host, 0, &fd, &port));
    (void)snprintf(out, out_len, "%.*s:%u", (int)(len - 2), listen, (unsigned)port);
    return err_ok();
}

static struct err write_config(struct dev *dev, const char *listen)
{
    char door[128];
    TRY(choose_port(listen, door, sizeof(door)));
    const char *folder = dev->folder;
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(buf_printf(&text,
                   "# Made by `hsmgated dev`, written anew at each start. Not for production.\n"
                   "listen: \"%s\"\nsocket: \"%s/hsmgate.sock\"\ndatabase: \"%s/hsmgate.db\"\n"
                   "audit: \"%s/audit\"\nbackups: \"%s/backups\"\n"
                   "administrators:\n  - token:admin\n  - unix:%u\n",
                   door, folder, folder, folder, folder, (unsigned)geteuid()));
    TRY(buf_printf(&text, "quorum:\n  roster_root: %.*s\n  roster_file: \"%s/roster.json\"\n",
                   (int)dev->roster_root.len, (const char *)dev->roster_root.data, folder));
    TRY(buf_printf(&text,
                   "vault:\n  mounts:\n    - mount: transit\n      namespace: transit\n"
                   "aws:\n  account: \"000000000000\"\nxks:\n  namespace: xks\n"
                   "tokens:\n  - name: dev\n    config: \"%s/token-dev.yaml\"\n    channels: 16\n"
                   "    operation_timeout: 20s\n",
                   folder));
    dev->config = path_in(dev, "hsmgated.yaml");
    return write_text(dev, "hsmgated.yaml", &text);
}

/* For CLEANUP. */
static void close_at(struct dev **dev)
{
    dev_close(*dev);
}

struct err dev_prepare(const char *folder, const char *listen, const char *worker_file,
                       struct dev **out)
{
    CLEANUP(close_at) struct dev *dev = mem_alloc(sizeof(*dev));
    dev->lock = -1;
    TRY(open_folder(dev, folder));
    remove_ready(dev);
    TRY(make_secrets(dev));
    TRY(write_worker_file(dev, worker_file));
    TRY(write_config(dev, listen));
    *out = TAKE(dev);
    return err_ok();
}

const char *dev_config(const struct dev *dev)
{
    return dev->config;
}

const char *dev_folder(const struct dev *dev)
{
    return dev->folder;
}

struct err dev_admit(const struct dev *dev, struct keystore *store)
{
    int64_t now = clock_wall_ms();
    struct bearer known;
    struct bearer admin = {.name = "admin", .created_at = now};
    struct span bearer = buf_span(&dev->bearer);
    digest_sha256_parts(&bearer, 1, admin.hash);
    if (keystore_find_bearer(store, admin.hash, now, &known)) {
        return err_ok();
    }
    struct err old = keystore_delete_bearer(store, span_text(admin.name));
    if (old.code != ERR_OK && old.code != ERR_NOT_FOUND) {
        return old;
    }
    return keystore_put_bearer(store, &admin, now);
}

struct err dev_admit_access_key(struct dev *dev, const struct gateway *gateway)
{
    int64_t now = clock_wall_ms();
    struct bearer known;
    struct bearer admin = {.name = "admin-aws", .subject = "admin", .created_at = now};
    struct span id = buf_span(&dev->aws_id);
    ENSURE(id.len <= ACCESS_KEY_MAX, ERR_CONFIG, "aws.id is too long");
    memcpy(admin.access_key, id.data, id.len);
    digest_sha256_parts(&id, 1, admin.hash);
    if (keystore_find_bearer(gateway->store, admin.hash, now, &known)) {
        return err_ok();
    }
    struct err old = keystore_delete_bearer(gateway->store, span_text(admin.name));
    if (old.code != ERR_OK && old.code != ERR_NOT_FOUND) {
        return old;
    }
    struct err err = access_keys_put(gateway, &admin, buf_span(&dev->aws_secret), now,
                                     clock_deadline(ACCESS_KEY_MS));
    if (err.code == ERR_UNSUPPORTED_BY_TOKEN) {
        log_warning("dev", "no access key for AWS's words, nothing would seal its secret: %s",
                    err.detail);
        dev->no_access_key = true;
        return err_ok();
    }
    return err;
}

struct err dev_announce(const struct dev *dev, const char *host, uint16_t port)
{
    bool six = strchr(host, ':') != NULL;
    CLEANUP(mem_free_at)
    char *addr =
        mem_format("http://%s%s%s:%u", six ? "[" : "", host, six ? "]" : "", (unsigned)port);
    int bearer_len = (int)dev->bearer.len;
    const char *bearer = (const char *)dev->bearer.data;
    CLEANUP(buf_clear) struct buf text = {0};
    TRY(buf_printf(&text,
                   "export HSMGATE_ADDR='%s'\nexport HSMGATE_TOKEN='%.*s'\n"
                   "export VAULT_ADDR='%s'\nexport VAULT_TOKEN='%.*s'\n"
                   "export AWS_ENDPOINT_URL='%s'\nexport AWS_ENDPOINT_URL_KMS='%s'\n",
                   addr, bearer_len, bearer, addr, bearer_len, bearer, addr, addr));
    if (!dev->no_access_key) {
        TRY(buf_printf(&text,
                       "export AWS_ACCESS_KEY_ID='%.*s'\nexport AWS_SECRET_ACCESS_KEY='%.*s'\n"
                       "export AWS_DEFAULT_REGION='us-east-1'\n",
                       (int)dev->aws_id.len, (const char *)dev->aws_id.data,
                       (int)dev->aws_secret.len, (const char *)dev->aws_secret.data));
    }
    TRY(write_text(dev, "env", &text));
    buf_reset(&text);
    TRY(buf_printf(&text, "%d\n", (int)getpid()));
    return write_text(dev, "ready", &text);
}

void dev_close(struct dev *dev)
{
    if (dev == NULL) {
        return;
    }
    if (dev->lock >= 0) {
        remove_ready(dev);
    }
    fd_close(&dev->lock);
    buf_clear(&dev->bearer);
    buf_clear(&dev->aws_id);
    buf_clear(&dev->aws_secret);
    buf_clear(&dev->roster_root);
    mem_free(dev->folder);
    mem_free(dev->config);
    mem_free(dev);
}
