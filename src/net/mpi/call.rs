//! Every call of MPI: the `unsafe` of this house, but for a variable that is set before; and no return code goes unread.
//!
//! rsmpi's own point-to-point calls drop what MPI returns, and its requests cannot own a changing set of buffers; so the
//! few calls that the driver lives on stand here, on `mpi::ffi`. A transfer owns its buffer until MPI has finished with
//! it; one that never finishes keeps it for ever.

use std::ffi::{c_char, c_int};
use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};

use mpi::ffi;

use crate::protocol::Rank;

/// MPI refused a call.
#[derive(Debug, thiserror::Error)]
#[error("{call} failed: {meaning}")]
pub struct MpiError {
    call: &'static str,
    meaning: String,
}

/// All ranks of the job (MPI 3.1, 6.4.1).
#[derive(Debug)]
pub(super) struct Comm {
    raw: ffi::MPI_Comm,
    byte: ffi::MPI_Datatype,
}

/// A message that has come and is matched, but not received yet (MPI 3.1, 3.8.2).
pub(super) struct Probed {
    message: ffi::MPI_Message,
    pub(super) from: Rank,
    pub(super) tag: c_int,
    /// How long it is; none where that is beyond what MPI counts.
    pub(super) length: Option<usize>,
}

/// Of which messages to look for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tags {
    Any,
    Only(c_int),
}

/// How hard to look for a message. In Open MPI 4.1 a look may only bring in what the next one finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Who goes on anyway looks again soon.
    Once,
    /// Who is about to sleep where there is nothing.
    Twice,
}

/// What became of a transfer at once.
pub(super) enum Begun {
    /// It is over, and how.
    Finished(Vec<u8>, Result<(), MpiError>),
    /// MPI still works on it.
    Pending(Pending),
}

/// A transfer that MPI has begun. Where it is dropped unfinished its buffer leaks, since MPI may still touch it.
pub(super) struct Pending {
    request: ffi::MPI_Request,
    buffer: ManuallyDrop<Vec<u8>>,
}

/// Transfers that MPI works on, oldest first, each with a note on what it is.
pub(super) struct Transfers<T> {
    requests: Vec<ffi::MPI_Request>,
    transfers: Vec<Transfer<T>>,
    indices: Vec<c_int>,
    statuses: Vec<MaybeUninit<ffi::MPI_Status>>,
}

struct Transfer<T> {
    buffer: ManuallyDrop<Vec<u8>>,
    note: T,
    result: Option<Result<(), MpiError>>,
}

impl Comm {
    /// The world, told to return errors instead of ending the job.
    pub(super) fn world() -> Result<Self, MpiError> {
        // SAFETY: MPI is initialised (`World::init` is the only caller, after it), and the constants are set by then.
        unsafe {
            let comm = Self { raw: ffi::RSMPI_COMM_WORLD, byte: ffi::RSMPI_UINT8_T };
            check("MPI_Comm_set_errhandler", ffi::MPI_Comm_set_errhandler(comm.raw, ffi::RSMPI_ERRORS_RETURN))?;
            Ok(comm)
        }
    }

    /// This rank's number and how many there are.
    pub(super) fn rank_and_size(&self) -> Result<(u32, u32), MpiError> {
        let (mut rank, mut size) = (0, 0);
        // SAFETY: the communicator is valid while MPI is initialised, and both results are written to live integers.
        unsafe {
            check("MPI_Comm_rank", ffi::MPI_Comm_rank(self.raw, &mut rank))?;
            check("MPI_Comm_size", ffi::MPI_Comm_size(self.raw, &mut size))?;
        }
        Ok((rank as u32, size as u32))
    }

    /// Looks whether such a message has come, and takes it out of MPI's queue.
    pub(super) fn probe(&self, tags: Tags, look: Look) -> Result<Option<Probed>, MpiError> {
        Ok(match self.probe_once(tags)? {
            None if look == Look::Twice => self.probe_once(tags)?,
            found => found,
        })
    }

    fn probe_once(&self, tags: Tags) -> Result<Option<Probed>, MpiError> {
        let (mut flag, mut length) = (0, 0);
        let mut message = MaybeUninit::uninit();
        let mut status = MaybeUninit::<ffi::MPI_Status>::uninit();
        // SAFETY: all results go to live places; `message` and `status` are read only where the flag says that MPI has
        // written them.
        let (message, status) = unsafe {
            let source = ffi::RSMPI_ANY_SOURCE;
            let tag = match tags {
                Tags::Any => ffi::RSMPI_ANY_TAG,
                Tags::Only(tag) => tag,
            };
            let code = ffi::MPI_Improbe(source, tag, self.raw, &mut flag, message.as_mut_ptr(), status.as_mut_ptr());
            check("MPI_Improbe", code)?;
            if flag == 0 {
                return Ok(None);
            }
            check("MPI_Get_count", ffi::MPI_Get_count(status.as_ptr(), self.byte, &mut length))?;
            (message.assume_init(), status.assume_init())
        };
        let from = Rank(status.MPI_SOURCE as u32);
        Ok(Some(Probed { message, from, tag: status.MPI_TAG, length: usize::try_from(length).ok() }))
    }

    /// Receives a matched message into the buffer's first `length` bytes; what is longer is cut, and an error tells so.
    pub(super) fn receive(&self, probed: Probed, mut buffer: Vec<u8>, length: usize) -> Result<Begun, MpiError> {
        let (pointer, count) = (buffer[..length].as_mut_ptr().cast(), count(length));
        let mut message = probed.message;
        let mut request = MaybeUninit::uninit();
        // SAFETY: the slice above proves that the memory is there; it stays where it is, and is touched by nobody else,
        // until `Begun` gives the buffer back.
        let code = unsafe { ffi::MPI_Imrecv(pointer, count, self.byte, &mut message, request.as_mut_ptr()) };
        check("MPI_Imrecv", code)?;
        // SAFETY: MPI has written the request, since the call succeeded.
        Pending { request: unsafe { request.assume_init() }, buffer: ManuallyDrop::new(buffer) }.test("MPI_Imrecv")
    }

    /// Sends the buffer's first `length` bytes.
    pub(super) fn send(&self, buffer: Vec<u8>, length: usize, to: Rank, tag: c_int) -> Result<Begun, MpiError> {
        let (pointer, count) = (buffer[..length].as_ptr().cast(), count(length));
        let mut request = MaybeUninit::uninit();
        // SAFETY: the slice above proves that the memory is there; it stays where it is, and is written by nobody, until
        // `Begun` gives the buffer back.
        let code =
            unsafe { ffi::MPI_Isend(pointer, count, self.byte, to.0 as c_int, tag, self.raw, request.as_mut_ptr()) };
        check("MPI_Isend", code)?;
        // SAFETY: MPI has written the request, since the call succeeded.
        Pending { request: unsafe { request.assume_init() }, buffer: ManuallyDrop::new(buffer) }.test("MPI_Isend")
    }
}

impl Pending {
    /// Most messages are small and over at once: this spares them the list of transfers.
    fn test(mut self, call: &'static str) -> Result<Begun, MpiError> {
        let mut flag = 0;
        let mut status = MaybeUninit::<ffi::MPI_Status>::uninit();
        // SAFETY: the request is one that MPI gave and has not finished; results go to live places.
        let code = unsafe { ffi::MPI_Test(&mut self.request, &mut flag, status.as_mut_ptr()) };
        let result = check(call, code);
        if flag == 0 {
            return result.map(|()| Begun::Pending(self));
        }
        Ok(Begun::Finished(ManuallyDrop::into_inner(self.buffer), result))
    }
}

impl<T> Transfers<T> {
    pub(super) fn new() -> Self {
        Self { requests: Vec::new(), transfers: Vec::new(), indices: Vec::new(), statuses: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn push(&mut self, begun: Begun, note: T) {
        let (request, buffer, result) = match begun {
            Begun::Pending(pending) => (pending.request, pending.buffer, None),
            Begun::Finished(buffer, result) => {
                // SAFETY: the constant was set when MPI was initialised, before there was a transfer.
                let none = unsafe { ffi::RSMPI_REQUEST_NULL };
                (none, ManuallyDrop::new(buffer), Some(result))
            }
        };
        self.requests.push(request);
        self.transfers.push(Transfer { buffer, note, result });
    }

    /// The notes of all transfers that were not taken yet, oldest first.
    pub(super) fn notes(&self) -> impl Iterator<Item = &T> {
        self.transfers.iter().map(|transfer| &transfer.note)
    }

    /// Whether the transfer at this place in the list had finished when MPI was last asked.
    pub(super) fn is_finished(&self, at: usize) -> bool {
        self.transfers[at].result.is_some()
    }

    /// Asks MPI which transfers have finished (MPI 3.1, 3.7.5).
    pub(super) fn poll(&mut self) -> Result<(), MpiError> {
        let length = self.requests.len();
        self.indices.resize(length, 0);
        self.statuses.resize(length, MaybeUninit::uninit());
        let mut finished = 0;
        // SAFETY: the three arrays are `length` long, and the requests are MPI's own (null for those that were finished
        // before); MaybeUninit<T> lies in memory as T does.
        let code = unsafe {
            ffi::MPI_Testsome(
                count(length),
                self.requests.as_mut_ptr(),
                &mut finished,
                self.indices.as_mut_ptr(),
                self.statuses.as_mut_ptr().cast(),
            )
        };
        let in_status = code != 0 && class(code) == ffi::MPI_ERR_IN_STATUS as c_int;
        if !in_status {
            check("MPI_Testsome", code)?;
        }
        // MPI_UNDEFINED, a negative number, says that nothing is in flight.
        for at in 0..usize::try_from(finished).unwrap_or(0) {
            // SAFETY: MPI has written as many statuses as it has finished transfers; the error field only in this case.
            let code = if in_status { unsafe { self.statuses[at].assume_init_ref().MPI_ERROR } } else { 0 };
            self.transfers[self.indices[at] as usize].result = Some(check("MPI_Testsome", code));
        }
        Ok(())
    }

    /// Takes out the transfer at this place in the list.
    ///
    /// # Panics
    /// Where MPI has not finished it.
    pub(super) fn take(&mut self, at: usize) -> (Vec<u8>, T, Result<(), MpiError>) {
        self.requests.remove(at);
        let Transfer { buffer, note, result } = self.transfers.remove(at);
        (ManuallyDrop::into_inner(buffer), note, result.expect("only finished transfers are taken"))
    }
}

impl<T> fmt::Debug for Transfers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} transfers", self.len())
    }
}

/// Ends every rank of the job at once. From any thread: there is nothing left to lose.
pub(super) fn abort(code: u8) -> ! {
    // SAFETY: MPI is initialised wherever this is called: by the panic hook, which is set after it, and by `World`.
    unsafe { ffi::MPI_Abort(ffi::RSMPI_COMM_WORLD, c_int::from(code)) };
    std::process::abort()
}

/// Leaves MPI, together with all other ranks.
pub(super) fn finalize() -> Result<(), MpiError> {
    // SAFETY: called once, by `World::finalize`, which consumes the world.
    check("MPI_Finalize", unsafe { ffi::MPI_Finalize() })
}

fn count(length: usize) -> c_int {
    c_int::try_from(length).expect("no message is longer than the limits in `codec` and `driver`")
}

fn check(call: &'static str, code: c_int) -> Result<(), MpiError> {
    if code == ffi::MPI_SUCCESS as c_int { Ok(()) } else { Err(MpiError { call, meaning: meaning(code) }) }
}

fn class(code: c_int) -> c_int {
    let mut class = 0;
    // SAFETY: any integer may be asked for, and the result goes to a live one.
    unsafe { ffi::MPI_Error_class(code, &mut class) };
    class
}

fn meaning(code: c_int) -> String {
    let mut text = [0_u8; ffi::MPI_MAX_ERROR_STRING as usize];
    let mut length = 0;
    // SAFETY: the text has the length that MPI asks for.
    unsafe { ffi::MPI_Error_string(code, text.as_mut_ptr().cast::<c_char>(), &mut length) };
    let known = usize::try_from(length).ok().and_then(|length| text.get(..length)).unwrap_or_default();
    format!("{} (code {code})", String::from_utf8_lossy(known))
}
