/* What a request costs between ranks that all ask and all answer, in two shapes of program:
 *
 *   threads  a thread that asks and waits for the answer in MPI_Recv, beside one that waits in MPI_Recv for requests;
 *   loop     one thread that looks for whatever has come, and yields where nothing has.
 *
 * usage: mpirun -np N two_threads threads|loop REQUESTS
 * Every rank asks random others for REQUESTS pieces of 64 KiB, one at a time. Rank 0 prints microseconds a request.
 */
#include <mpi.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 64 * 1024, TO_UPLOAD = 1, TO_DOWNLOAD = 2, PLEASE = 1, FINISHED = 2 };

static int rank, size, requests;
static char piece[PIECE], received[PIECE];

static int random_peer(void) {
    static unsigned state = 1;
    state = state * 1664525u + 1013904223u + (unsigned)rank;
    int peer = (int)((state >> 8) % (unsigned)(size - 1));
    return peer < rank ? peer : peer + 1;
}

static void tell(int peer, int what) {
    MPI_Send(&what, 1, MPI_INT, peer, TO_UPLOAD, MPI_COMM_WORLD);
}

static void tell_all_finished(void) {
    for (int peer = 0; peer < size; peer++) tell(peer, FINISHED);
}

/* Answers until every rank has finished. */
static void *upload(void *unused) {
    for (int finished = 0; finished < size;) {
        MPI_Status status;
        int what;
        MPI_Recv(&what, 1, MPI_INT, MPI_ANY_SOURCE, TO_UPLOAD, MPI_COMM_WORLD, &status);
        if (what == FINISHED) {
            finished++;
        } else {
            MPI_Send(piece, PIECE, MPI_CHAR, status.MPI_SOURCE, TO_DOWNLOAD, MPI_COMM_WORLD);
        }
    }
    return unused;
}

static void run_threads(void) {
    pthread_t uploader;
    pthread_create(&uploader, NULL, upload, NULL);
    for (int i = 0; i < requests; i++) {
        int peer = random_peer();
        tell(peer, PLEASE);
        MPI_Recv(received, PIECE, MPI_CHAR, peer, TO_DOWNLOAD, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    tell_all_finished();
    pthread_join(uploader, NULL);
}

/* Gives a piece without waiting until it has gone: at most one to each peer is under way, for each asks one at a time. */
static void give(int peer, MPI_Request *under_way) {
    MPI_Wait(&under_way[peer], MPI_STATUS_IGNORE);
    MPI_Isend(piece, PIECE, MPI_CHAR, peer, TO_DOWNLOAD, MPI_COMM_WORLD, &under_way[peer]);
}

static void run_loop(void) {
    MPI_Request *under_way = malloc((size_t)size * sizeof *under_way);
    for (int peer = 0; peer < size; peer++) under_way[peer] = MPI_REQUEST_NULL;
    int got = 0, finished = 0;
    tell(random_peer(), PLEASE);
    while (finished < size) {
        int here, what;
        MPI_Status status;
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &here, &status);
        if (!here) {
            sched_yield();
        } else if (status.MPI_TAG == TO_DOWNLOAD) {
            MPI_Recv(received, PIECE, MPI_CHAR, status.MPI_SOURCE, TO_DOWNLOAD, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            if (++got < requests) {
                tell(random_peer(), PLEASE);
            } else {
                tell_all_finished();
            }
        } else {
            MPI_Recv(&what, 1, MPI_INT, status.MPI_SOURCE, TO_UPLOAD, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            if (what == FINISHED) {
                finished++;
            } else {
                give(status.MPI_SOURCE, under_way);
            }
        }
    }
    for (int peer = 0; peer < size; peer++) MPI_Wait(&under_way[peer], MPI_STATUS_IGNORE);
    free(under_way);
}

int main(int argc, char **argv) {
    int provided;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc != 3 || size < 2 || provided < MPI_THREAD_MULTIPLE) {
        if (rank == 0) fprintf(stderr, "usage: mpirun -np N two_threads threads|loop REQUESTS, N >= 2\n");
        MPI_Finalize();
        return 2;
    }
    requests = atoi(argv[2]);
    MPI_Barrier(MPI_COMM_WORLD);
    double begin = MPI_Wtime();
    if (strcmp(argv[1], "threads") == 0) {
        run_threads();
    } else {
        run_loop();
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) printf("%.1f\n", (MPI_Wtime() - begin) * 1e6 / requests);
    MPI_Finalize();
    return 0;
}
