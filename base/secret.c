/* Secrets in pages of their own: locked, left out of core files, wiped before they go back.
 *
 * The pages come from mmap, so no heap neighbour shares them and munmap returns them at once. A
 * lock that the system refuses is not fatal: swapping a PIN is a smaller harm than not serving,
 * and secret_harden_process has said so in the log. */
#include "base/secret.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

/* Sanitizers reserve terabytes of shadow memory that cannot be locked. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LOCK_ALL_PAGES false
#elif defined(__has_feature) /* clang */
#define LOCK_ALL_PAGES (!__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer))
#else
#define LOCK_ALL_PAGES true
#endif

static struct secret secret_alloc(size_t cap)
{
    assert(cap <= SIZE_MAX / 2);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (cap / page + 1) * page;
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
        log_error("secret", "out of memory");
        abort();
    }
    (void)mlock(data, size);
    (void)madvise(data, size, MADV_DONTDUMP);
    return (struct secret){.data = data, .cap = size};
}

void secret_clear(struct secret *secret)
{
    if (secret->data != NULL) {
        mem_wipe(secret->data, secret->cap);
        (void)munmap(secret->data, secret->cap);
    }
    *secret = (struct secret){0};
}

void secret_set(struct secret *secret, struct span bytes)
{
    struct secret copy = secret_alloc(bytes.len);
    if (bytes.len > 0) {
        memcpy(copy.data, bytes.data, bytes.len);
    }
    copy.len = bytes.len;
    secret_clear(secret);
    *secret = copy;
}

struct span secret_span(const struct secret *secret)
{
    return span_of(secret->data, secret->len);
}

/* Reads to the end or to `want` bytes. */
static struct err read_up_to(struct secret *secret, int fd, size_t want)
{
    bool seekable = lseek(fd, 0, SEEK_CUR) >= 0;
    while (secret->len < want) {
        uint8_t *at = secret->data + secret->len;
        size_t room = want - secret->len;
        ssize_t got = seekable ? pread(fd, at, room, (off_t)secret->len) : read(fd, at, room);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        ENSURE(got >= 0, ERR_IO, "cannot read the secret: %s", strerrordesc_np(errno));
        if (got == 0) {
            break;
        }
        secret->len += (size_t)got;
    }
    return err_ok();
}

struct err secret_read_fd(struct secret *secret, int fd, size_t max)
{
    size_t want = max + 2; /* a newline, and one byte that shows that there is more */
    CLEANUP(secret_clear) struct secret read = secret_alloc(want);
    TRY(read_up_to(&read, fd, want));
    if (read.len > 0 && read.data[read.len - 1] == '\n') {
        read.len--;
        read.data[read.len] = 0;
    }
    ENSURE(read.len <= max, ERR_TOO_LARGE, "the secret has more than %zu bytes", max);
    secret_clear(secret);
    *secret = read;
    read = (struct secret){0};
    return err_ok();
}

/* One entry of the xattr system.posix_acl_access, little-endian, after a version word of 4 bytes
 * (linux/posix_acl_xattr.h). */
#define ACL_HEAD_LEN      4
#define ACL_ENTRY_LEN     8
#define ACL_TAG_USER      0x02
#define ACL_TAG_GROUP_OBJ 0x04
#define ACL_TAG_GROUP     0x08

static uint32_t little_endian(const uint8_t *at, size_t len)
{
    uint32_t value = 0;
    for (size_t i = len; i > 0; i--) {
        value = value << 8 | at[i - 1];
    }
    return value;
}

static bool entry_is_private(const uint8_t *entry)
{
    uint32_t tag = little_endian(entry, 2);
    uint32_t permissions = little_endian(entry + 2, 2);
    bool is_group = tag == ACL_TAG_GROUP_OBJ || tag == ACL_TAG_GROUP;
    bool is_other_user = tag == ACL_TAG_USER && little_endian(entry + 4, 4) != geteuid();
    return permissions == 0 || (!is_group && !is_other_user);
}

/* With an access list the mode's group bits are its mask. systemd gives a service its credential
 * so: owner root, one named user, nothing for groups. */
static bool list_is_private(int fd)
{
    uint8_t list[ACL_HEAD_LEN + 16 * ACL_ENTRY_LEN];
    ssize_t len = fgetxattr(fd, "system.posix_acl_access", list, sizeof(list));
    if (len <= ACL_HEAD_LEN) {
        return false;
    }
    for (size_t at = ACL_HEAD_LEN; at + ACL_ENTRY_LEN <= (size_t)len; at += ACL_ENTRY_LEN) {
        if (!entry_is_private(list + at)) {
            return false;
        }
    }
    return true;
}

struct err secret_read_file(struct secret *secret, const char *path, size_t max)
{
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ENSURE(fd >= 0 || errno != ENOENT, ERR_NOT_FOUND, "there is no such file");
    struct stat status;
    ENSURE(fd >= 0 && fstat(fd, &status) == 0, ERR_IO, "cannot open the secret's file: %s",
           strerrordesc_np(errno));
    ENSURE(S_ISREG(status.st_mode), ERR_CONFIG, "the secret's file is not a regular file");
    bool others = (status.st_mode & S_IRWXO) != 0;
    bool group = (status.st_mode & S_IRWXG) != 0 && !list_is_private(fd);
    ENSURE(!others && !group, ERR_CONFIG,
           "the secret's file is open to group or others: set its mode to 0600");
    return secret_read_fd(secret, fd, max);
}

bool secret_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

static void lock_all_pages(void)
{
    /* Under MCL_FUTURE and a low limit a later mmap would fail, far from here. */
    struct rlimit limit = {0};
    bool unlimited = getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
    if (!unlimited && geteuid() != 0) {
        log_warning("secret", "memory is not locked: raise the limit (LimitMEMLOCK=infinity)");
        return;
    }
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
        log_warning("secret", "memory is not locked: %s", strerrordesc_np(errno));
    }
}

void secret_harden_process(void)
{
    struct rlimit none = {0};
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0) {
        log_warning("secret", "core files are not switched off: %s", strerrordesc_np(errno));
    }
    if (LOCK_ALL_PAGES) {
        lock_all_pages();
    }
}
