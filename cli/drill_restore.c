/* `hsmgate drill restore`: a backup is made and put into a folder of its own on this host, with the
 * code of `restore`, to see that it is whole, that its log is intact and knows what was done last,
 * and how long it takes. The gateway that runs is left alone. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/verify.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/backup.h"
#include "cli/command.h"
#include "cli/drill.h"
#include "cli/output.h"
#include "cli/restore.h"

/* A folder of its own, with the database and the log. */
struct place {
    char *folder;
    char *database;
    char *audit;
};

static struct err make_place(struct place *out)
{
    const char *parent = getenv("TMPDIR");
    char *folder =
        mem_format("%s/hsmgate-drill-XXXXXX", parent != NULL && *parent != '\0' ? parent : "/tmp");
    if (mkdtemp(folder) == NULL) {
        mem_free(folder);
        return err_new(ERR_IO, __func__, "no folder can be made for it: see TMPDIR");
    }
    *out = (struct place){.folder = folder,
                          .database = mem_format("%s/hsmgate.db", folder),
                          .audit = mem_format("%s/audit", folder)};
    return err_ok();
}

/* The files of a folder, and the folder when nothing else was in it; takes NULL. */
static void remove_files(const char *folder)
{
    DIR *listing = folder != NULL ? opendir(folder) : NULL;
    if (listing == NULL) {
        return;
    }
    /* cppcheck-suppress readdirCalled ; the listing is ours alone, readdir is safe then */
    for (const struct dirent *at = readdir(listing); at != NULL; at = readdir(listing)) {
        CLEANUP(mem_free_at) char *path = mem_format("%s/%s", folder, at->d_name);
        (void)unlink(path);
    }
    (void)closedir(listing);
    (void)rmdir(folder);
}

static void place_clear(struct place *place)
{
    mem_free(place->folder);
    mem_free(place->database);
    mem_free(place->audit);
}

static void ignore_progress(void *arg, const struct json_value *backup)
{
    (void)arg;
    (void)backup;
}

static struct err back_up(struct drill *drill, char **out_path)
{
    CLEANUP(response_clear) struct response response = {0};
    CLEANUP(json_clear) struct json json = {0};
    const int64_t start_ns = clock_mono_ns();
    TRY(backup_run(drill->client, NULL, ignore_progress, NULL, &response, &json));
    *out_path = span_to_text(member_text(json.root, "path"));
    drill_note(drill, &(struct drill_measure){.start_ns = start_ns, .passed = true},
               "backed up to %s", *out_path);
    return err_ok();
}

static struct err put_back(struct drill *drill, const char *backup, const struct place *place,
                           struct restored *out)
{
    const struct restore what = {backup, place->database, place->audit};
    const int64_t start_ns = clock_mono_ns();
    TRY(restore_run(&what, out));
    drill_note(drill, &(struct drill_measure){.start_ns = start_ns, .passed = true},
               "restored to %s: %zu files with the hashes of the manifest", place->folder,
               out->manifest.count);
    return err_ok();
}

static struct err verify_log(struct drill *drill, const struct place *place,
                             const struct restored *restored)
{
    struct audit_finding finding = {0};
    const int64_t start_ns = clock_mono_ns();
    TRY(manifest_compare_log(&restored->manifest, place->audit, &finding));
    drill_note(
        drill,
        &(struct drill_measure){.start_ns = start_ns, .passed = finding.verdict == AUDIT_INTACT},
        "its audit log of %llu records is %s", (unsigned long long)finding.records,
        audit_verdict_name(finding.verdict));
    return err_ok();
}

/* The record that was written last before the backup began. */
static struct err find_record(struct drill *drill, const struct place *place, const char *key)
{
    CLEANUP(redo_clear) struct redo log = {0};
    TRY(redo_read(place->audit, 0, &log));
    bool found = false;
    for (size_t i = 0; i < log.count; i++) {
        found = found || (strcmp(log.entries[i].operation, "create") == 0 &&
                          strncmp(log.entries[i].key, key, strlen(key)) == 0);
    }
    drill_note(drill, &(struct drill_measure){.passed = found},
               "it knows that %s was made before the backup", key);
    return err_ok();
}

static struct err restore_and_look(struct drill *drill, const char *backup,
                                   const struct place *place)
{
    CLEANUP(restored_clear) struct restored restored = {0};
    TRY(put_back(drill, backup, place, &restored));
    TRY(verify_log(drill, place, &restored));
    return find_record(drill, place, drill->keys[0]);
}

static struct err restore(struct drill *drill, const struct options *options)
{
    CLEANUP(mem_free_at) char *backup = NULL;
    CLEANUP(place_clear) struct place place = {0};
    const char *key = NULL;
    TRY(drill_make_key(drill, "aes-256-gcm", "", &key));
    TRY(back_up(drill, &backup));
    TRY(make_place(&place));
    const struct err err = restore_and_look(drill, backup, &place);
    if (!options_has(options, OPTION_KEEP)) {
        remove_files(place.audit);
        remove_files(place.folder);
    }
    return err;
}

struct err drill_restore(struct client *client, const struct options *options, int *out_exit)
{
    return drill_run(client, options, "restore", restore, out_exit);
}
