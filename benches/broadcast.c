/* What verified staging costs with one collective: the measure for `tema3 stage`.
 *
 *   usage: mpirun -np N broadcast SOURCE FOLDER PIECE [--digests FILE] [--fsync | --no-write]
 *
 * Rank 0 reads SOURCE and broadcasts it in blocks of 1 MiB. Every other rank checks the SHA-1 of each PIECE bytes and
 * writes the file to FOLDER/<rank>/. With --digests rank 0 knows the digests from the start (20 bytes a piece, as in a
 * .torrent); without, it takes them itself and broadcasts each after its piece, while the others hash the same bytes.
 * It prints nothing but errors, and ends with 0 only if every piece was right on every rank.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mpi.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, DIGEST = 20 };

static int rank, failed;
static enum { WRITE, WRITE_AND_SYNC, DO_NOT_WRITE } keep = WRITE;
static const char *source, *folder, *digests_file;

struct job {
    long long size, piece, digests_known;
};

/* The others go on with what rank 0 sends, so that only one rank ever aborts: two at once can hang mpirun. */
static void fail(const char *what, const char *which) {
    if (!failed) {
        const char *why = errno ? strerror(errno) : "not as expected";
        fprintf(stderr, "broadcast: rank %d: %s: %s: %s\n", rank, what, which, why);
    }
    failed = 1;
    if (rank == 0) MPI_Abort(MPI_COMM_WORLD, 1);
}

static int need(int truth, const char *what, const char *which) {
    if (!truth) fail(what, which);
    return truth;
}

static long long at_most(long long limit, long long value) {
    return value < limit ? value : limit;
}

static void read_all(int file, unsigned char *into, long long length, long long offset) {
    while (length > 0) {
        errno = 0;
        ssize_t got = pread(file, into, (size_t)length, offset);
        if (!need(got > 0, "cannot read", source)) return;
        into += got, length -= got, offset += got;
    }
}

static void write_all(int file, const unsigned char *from, long long length, long long offset) {
    while (length > 0) {
        errno = 0;
        ssize_t put = pwrite(file, from, (size_t)length, offset);
        if (!need(put > 0, "cannot write", folder)) return;
        from += put, length -= put, offset += put;
    }
}

/* The digests that a .torrent would have told. */
static unsigned char *read_digests(long long pieces) {
    unsigned char *digests = malloc((size_t)(pieces * DIGEST + 1));
    int file = open(digests_file, O_RDONLY);
    need(file >= 0, "cannot open", digests_file);
    errno = 0;
    need(read(file, digests, (size_t)(pieces * DIGEST + 1)) == pieces * DIGEST, "not one digest a piece", digests_file);
    close(file);
    return digests;
}

static int create_target(char *path, size_t room, long long size) {
    const char *slash = strrchr(source, '/');
    snprintf(path, room, "%s/%d", folder, rank);
    need(mkdir(path, 0777) == 0 || errno == EEXIST, "cannot create", path);
    snprintf(path, room, "%s/%d/%s", folder, rank, slash ? slash + 1 : source);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    need(file >= 0, "cannot create", path);
    /* Where the file system can, writing then takes up to a third less time; where it cannot, it goes without. */
    if (size > 0) fallocate(file, 0, 0, size);
    return file;
}

static void sync_target(int file, char *path) {
    need(fsync(file) == 0, "cannot sync", path);
    *strrchr(path, '/') = 0;
    int holder = open(path, O_RDONLY | O_DIRECTORY);
    need(holder >= 0 && fsync(holder) == 0, "cannot sync", path);
    close(holder);
}

/* Feeds a block to the running hash, cut where pieces end; the digests of those that end in it go to `digests`. */
static void hash(EVP_MD_CTX *context, const struct job *job, long long offset, const unsigned char *block,
                 long long length, unsigned char *digests) {
    while (length > 0) {
        long long left = job->piece - offset % job->piece;
        long long part = at_most(left, length);
        if (offset % job->piece == 0) need(EVP_DigestInit_ex(context, EVP_sha1(), NULL), "cannot hash", source);
        need(EVP_DigestUpdate(context, block, (size_t)part), "cannot hash", source);
        offset += part, block += part, length -= part;
        if (part == left || offset == job->size) {
            need(EVP_DigestFinal_ex(context, digests, NULL), "cannot hash", source);
            digests += DIGEST;
        }
    }
}

/* How many pieces have ended before `offset`. */
static long long ended(const struct job *job, long long offset) {
    return offset == job->size ? (job->size + job->piece - 1) / job->piece : offset / job->piece;
}

static void stage(const struct job *job, unsigned char *expected, int from, int to) {
    unsigned char *block = aligned_alloc(4096, BLOCK);
    unsigned char *found = malloc((size_t)((BLOCK / job->piece + 2) * DIGEST));
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    for (long long offset = 0; offset < job->size; offset += BLOCK) {
        long long length = at_most(BLOCK, job->size - offset);
        long long first = ended(job, offset), pieces = ended(job, offset + length) - first;
        unsigned char *told = expected + first * DIGEST;
        if (rank == 0) read_all(from, block, length, offset);
        MPI_Bcast(block, (int)length, MPI_BYTE, 0, MPI_COMM_WORLD);
        if (rank != 0) {
            hash(context, job, offset, block, length, found);
        } else if (!job->digests_known) {
            hash(context, job, offset, block, length, told);
        }
        if (!job->digests_known && pieces > 0) MPI_Bcast(told, (int)(pieces * DIGEST), MPI_BYTE, 0, MPI_COMM_WORLD);
        errno = 0;
        if (rank != 0) need(memcmp(found, told, (size_t)(pieces * DIGEST)) == 0, "a piece has a wrong digest", source);
        if (to >= 0) write_all(to, block, length, offset);
    }
    EVP_MD_CTX_free(context);
    free(found);
    free(block);
}

static int read_command_line(int argc, char **argv, struct job *job) {
    int usable = argc >= 4;
    for (int i = 4; i < argc; i++) {
        if (strcmp(argv[i], "--fsync") == 0) {
            keep = WRITE_AND_SYNC;
        } else if (strcmp(argv[i], "--no-write") == 0) {
            keep = DO_NOT_WRITE;
        } else if (strcmp(argv[i], "--digests") == 0 && i + 1 < argc) {
            digests_file = argv[++i];
        } else {
            usable = 0;
        }
    }
    if (usable) source = argv[1], folder = argv[2], job->piece = atoll(argv[3]);
    job->digests_known = digests_file != NULL;
    return usable && job->piece > 0;
}

int main(int argc, char **argv) {
    struct job job = {0};
    int from = -1, to = -1;
    char path[4096];
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (!read_command_line(argc, argv, &job)) {
        if (rank == 0) fprintf(stderr, "usage: broadcast SOURCE FOLDER PIECE [--digests FILE] [--fsync | --no-write]\n");
        MPI_Finalize();
        return 2;
    }
    if (rank == 0) {
        struct stat about;
        from = open(source, O_RDONLY);
        need(from >= 0 && fstat(from, &about) == 0, "cannot open", source);
        job.size = about.st_size;
    }
    MPI_Bcast(&job.size, 1, MPI_LONG_LONG, 0, MPI_COMM_WORLD);
    long long pieces = ended(&job, job.size);
    unsigned char *expected =
        rank == 0 && job.digests_known ? read_digests(pieces) : malloc((size_t)(pieces * DIGEST + 1));
    if (job.digests_known) MPI_Bcast(expected, (int)(pieces * DIGEST), MPI_BYTE, 0, MPI_COMM_WORLD);
    if (rank != 0 && keep != DO_NOT_WRITE) to = create_target(path, sizeof path, job.size);
    stage(&job, expected, from, to);
    if (to >= 0) {
        if (keep == WRITE_AND_SYNC) sync_target(to, path);
        need(close(to) == 0, "cannot close", path);
    }
    free(expected);
    MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    MPI_Finalize();
    return failed;
}
