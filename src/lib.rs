//! `tema3`: BitTorrent over MPI.
//!
//! The one idea: **the network calls the node; the node never calls the network.** What a rank decides is a pure function
//! of what it hears, so the same [`protocol::Member`] runs under MPI, in a simulator, and from a record of an earlier run.
//!
//! The rooms, from the ground up; an import never points up, and [`net`] and [`sim`] never meet:
//!
//! | room | what it answers |
//! |---|---|
//! | [`metainfo`] | what is shared: torrents, trees of files, their pieces, and sets of them; `.torrent` files |
//! | [`storage`] | where it rests: content, checked against its hashes; what lies on a disk |
//! | [`assignment`] | the course's text formats: inputs, hash lists, outputs, stories |
//! | [`protocol`] | what is said and decided: the seam, messages, client, tracker |
//! | [`fault`] | what becomes of a message or a node when something goes wrong on purpose |
//! | [`net`] | how it travels for real: MPI |
//! | [`sim`] | how it travels in a model: virtual time |
//! | [`report`] | what is told: events, narration, summary |
//! | [`commands`] | what was meant by what was typed ([`cli`]); all rooms meet here |
//!
//! The words are BEP 3's, and two are ours. A *piece* is what the course calls a *segment*: 'segment' stands only where the
//! user reads it. A *seed* has all of a torrent, a *peer* some of it, a *leecher* takes without giving; one client is each,
//! torrent by torrent. A *term* counts the trackers of a run: its tracker is the rank `term mod world`. An *incarnation*
//! counts the lives of a rank. A *slot* is where the answer to a request lands: its MPI tag. A *manifest* lists what is in a
//! tree of files, and a *pad* is zeros between two of them that exist nowhere but in their pieces (BEP 47).
//!
//! `ARCHITECTURE.md` follows a message through the code.

pub mod assignment;
pub mod cli;
pub mod commands;
pub mod fault;
pub mod metainfo;
pub mod net;
pub mod protocol;
pub mod report;
pub mod sim;
pub mod storage;
