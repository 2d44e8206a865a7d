//! Reads a `.torrent`: first what stands around, then what the info hash covers.

use bendy::decoding::{Decoder, Object};

use super::reading_files::{Attributes, several, single};
use super::{About, Info, Metainfo, MetainfoError};
use crate::metainfo::bencode::{Fields, bytes, check, fields, items, number, text};
use crate::metainfo::{BencodeError, Entry, Manifest, PieceHashes};

/// What stands around `info`, and `info` as it stands.
pub(super) fn outer(source: &[u8]) -> Result<(About, &[u8]), MetainfoError> {
    check(source, Metainfo::LIMITS)?;
    let mut decoder = Decoder::new(source);
    let Some(Object::Dict(mut outer)) = decoder.next_object().map_err(BencodeError::from)? else {
        return Err(MetainfoError::NotADictionary);
    };
    let (mut about, mut announce, mut raw_info) = (About::default(), None, None);
    while let Some((key, value)) = next(&mut outer)? {
        match key {
            b"announce" => announce = Some(text(value, "announce")?),
            b"announce-list" => about.trackers = tiers(value)?,
            b"comment" => about.comment = Some(text(value, "comment")?),
            b"created by" => about.created_by = Some(text(value, "created by")?),
            b"creation date" => about.creation_date = Some(number(value, "creation date")?),
            b"info" => raw_info = Some(fields(value, "info")?.into_raw().map_err(BencodeError::from)?),
            _ => {}
        }
    }
    // The list counts, where there is one (BEP 12).
    if about.trackers.is_empty() {
        about.trackers.extend(announce.filter(|url| !url.is_empty()).map(|url| vec![url]));
    }
    Ok((about, raw_info.ok_or(MetainfoError::Missing("info"))?))
}

fn tiers(value: Object<'_, '_>) -> Result<Vec<Vec<String>>, BencodeError> {
    let (mut tiers, mut list) = (Vec::new(), items(value, "announce-list")?);
    while let Some(tier) = list.next_object()? {
        let (mut urls, mut list) = (Vec::new(), items(tier, "announce-list")?);
        while let Some(url) = list.next_object()? {
            urls.push(text(url, "announce-list")?);
        }
        urls.retain(|url| !url.is_empty());
        if !urls.is_empty() {
            tiers.push(urls);
        }
    }
    Ok(tiers)
}

/// The keys of `info` but for its files, which need the name that comes after them.
#[derive(Default)]
struct Head<'s> {
    name: Option<&'s [u8]>,
    piece_length: Option<i64>,
    pieces: Option<&'s [u8]>,
    length: Option<i64>,
    has_files: bool,
    attributes: Attributes,
    private: bool,
    source: Option<String>,
    is_v2: bool,
}

/// What `info` says.
pub(super) fn info(raw: &[u8]) -> Result<Info, MetainfoError> {
    let head = head(raw)?;
    let piece_hashes = hashes(&head)?;
    let name = head.name.ok_or(MetainfoError::Missing("name"))?;
    let piece_length = head.piece_length.ok_or(MetainfoError::Missing("piece length"))?;
    let sound = u32::try_from(piece_length).ok().filter(|length| (1..=Manifest::LONGEST_PIECE).contains(length));
    let entries = match head.length {
        Some(_) if head.has_files => return Err(MetainfoError::LengthAndFiles),
        Some(length) => vec![single(name, length, head.attributes)?],
        None if head.has_files => files(raw, name)?,
        None => return Err(MetainfoError::Missing("length")),
    };
    let manifest = Manifest { piece_length: sound.ok_or(MetainfoError::PieceLength(piece_length))?, entries };
    manifest.check()?;
    let pieces = manifest.piece_map().pieces();
    if piece_hashes.len() != pieces as usize {
        return Err(MetainfoError::HashCount { hashes: piece_hashes.len(), pieces });
    }
    Ok(Info { manifest, piece_hashes, private: head.private, source: head.source })
}

fn head(raw: &[u8]) -> Result<Head<'_>, BencodeError> {
    let mut head = Head::default();
    let mut decoder = Decoder::new(raw);
    let Some(info) = decoder.next_object()? else { return Ok(head) };
    let mut info = fields(info, "info")?;
    let mut legible_name = None;
    while let Some((key, value)) = next(&mut info)? {
        match key {
            b"file tree" | b"meta version" => head.is_v2 = true,
            b"files" => head.has_files = true,
            b"length" => head.length = Some(number(value, "length")?),
            b"name" => head.name = Some(bytes(value, "name")?),
            b"name.utf-8" => legible_name = Some(bytes(value, "name.utf-8")?),
            b"piece length" => head.piece_length = Some(number(value, "piece length")?),
            b"pieces" => head.pieces = Some(bytes(value, "pieces")?),
            b"private" => head.private = number(value, "private")? != 0,
            b"source" => head.source = Some(text(value, "source")?),
            other => _ = head.attributes.take(other, value)?,
        }
    }
    head.name = legible_name.or(head.name);
    Ok(head)
}

fn hashes(head: &Head<'_>) -> Result<PieceHashes, MetainfoError> {
    let whole = match head.pieces {
        Some(pieces) => pieces,
        None if head.is_v2 => return Err(MetainfoError::OnlyV2),
        None => return Err(MetainfoError::Missing("pieces")),
    };
    if !whole.len().is_multiple_of(Metainfo::HASH_LENGTH) {
        return Err(MetainfoError::HashesCutOff(whole.len()));
    }
    let count = whole.len() / Metainfo::HASH_LENGTH;
    if count > Metainfo::MOST_PIECES {
        return Err(MetainfoError::TooManyPieces(count));
    }
    let mut hashes = PieceHashes::new();
    for hash in whole.chunks_exact(Metainfo::HASH_LENGTH) {
        hashes.push(hash).expect("20 bytes are a hash, and so many have room");
    }
    Ok(hashes)
}

fn files(raw: &[u8], name: &[u8]) -> Result<Vec<Entry>, MetainfoError> {
    let mut decoder = Decoder::new(raw);
    let Some(info) = decoder.next_object().map_err(BencodeError::from)? else {
        return Err(MetainfoError::NoFiles);
    };
    let mut info = fields(info, "info")?;
    while let Some((key, value)) = next(&mut info)? {
        if key == b"files" {
            return several(name, items(value, "files")?);
        }
    }
    Err(MetainfoError::NoFiles)
}

/// The next key and its value.
pub(super) fn next<'i, 's>(fields: &'i mut Fields<'_, 's>) -> Result<Option<(&'s [u8], Object<'i, 's>)>, BencodeError> {
    Ok(fields.next_pair()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metainfo::{ManifestError, Node, TreePath, TreePathError};

    /// An `info` dictionary: its values in the order of its keys, as bencode.
    fn info_with(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut pairs = pairs.to_vec();
        pairs.sort_unstable();
        let pairs: String = pairs.iter().map(|(key, value)| format!("{}:{key}{value}", key.len())).collect();
        format!("d{pairs}e").into_bytes()
    }

    fn hashes(count: usize) -> String {
        let bytes = 20 * count;
        format!("{bytes}:{}", "h".repeat(bytes))
    }

    /// What is wrong with the torrent of one file that has these values instead of its own; an empty one is left out.
    fn fault_of_single(changes: &[(&str, &str)]) -> MetainfoError {
        let hashes = hashes(3);
        let mut pairs = vec![("length", "i70000e"), ("name", "1:f"), ("piece length", "i32768e"), ("pieces", &hashes)];
        pairs.retain(|(key, _)| changes.iter().all(|(changed, _)| key != changed));
        pairs.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        info(&info_with(&pairs)).unwrap_err()
    }

    /// A torrent of several files.
    fn several(files: &str) -> Result<Info, MetainfoError> {
        let files = format!("l{files}e");
        info(&info_with(&[("files", &files), ("name", "1:t"), ("piece length", "i16384e"), ("pieces", &hashes(1))]))
    }

    fn file(length: u64, names: &[&str]) -> String {
        let names: String = names.iter().map(|name| format!("{}:{name}", name.len())).collect();
        format!("d6:lengthi{length}e4:pathl{names}ee")
    }

    fn path(text: &str) -> TreePath {
        TreePath::new(text.split('/')).unwrap()
    }

    #[test]
    fn a_piece_length_that_is_not_possible_is_refused() {
        for length in [0, -1, (1 << 30) + 1, 1 << 31, 1 << 32, i64::MIN] {
            let fault = fault_of_single(&[("piece length", &format!("i{length}e"))]);
            assert_eq!(fault, MetainfoError::PieceLength(length));
        }
        assert_eq!(fault_of_single(&[("piece length", "")]), MetainfoError::Missing("piece length"));
        let large =
            info_with(&[("length", "i5e"), ("name", "1:f"), ("piece length", "i1073741824e"), ("pieces", &hashes(1))]);
        assert_eq!(info(&large).unwrap().manifest.piece_length, 1 << 30);
    }

    #[test]
    fn hashes_that_do_not_fit_the_files_are_refused() {
        assert_eq!(fault_of_single(&[("pieces", &hashes(2))]), MetainfoError::HashCount { hashes: 2, pieces: 3 });
        assert_eq!(fault_of_single(&[("pieces", &hashes(4))]), MetainfoError::HashCount { hashes: 4, pieces: 3 });
        assert_eq!(fault_of_single(&[("pieces", "0:")]), MetainfoError::HashCount { hashes: 0, pieces: 3 });
        assert_eq!(fault_of_single(&[("pieces", "21:012345678901234567890")]), MetainfoError::HashesCutOff(21));
        assert_eq!(fault_of_single(&[("pieces", "")]), MetainfoError::Missing("pieces"));
        assert_eq!(fault_of_single(&[("pieces", "i1e")]).to_string(), "not a sound .torrent: 'pieces' is not a string");
    }

    #[test]
    fn more_pieces_than_are_read_are_refused() {
        let hashes = hashes(Metainfo::MOST_PIECES + 1);
        assert_eq!(fault_of_single(&[("pieces", &hashes)]), MetainfoError::TooManyPieces(Metainfo::MOST_PIECES + 1));
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        assert_eq!(fault_of_single(&[("length", "i-1e")]), MetainfoError::Length { path: path("f"), length: -1 });
        let too_large = fault_of_single(&[("length", "i18446744073709551616e")]);
        assert!(matches!(too_large, MetainfoError::Bencode(BencodeError::Range { key: "length", .. })));
        assert_eq!(fault_of_single(&[("length", "i9223372036854775807e")]), ManifestError::TooLong.into());
        let overflowing = (0..4).map(|name| file(i64::MAX as u64, &[&name.to_string()])).collect::<String>();
        assert_eq!(several(&overflowing), Err(ManifestError::TooLong.into()));
        assert_eq!(several("d4:pathl1:aee"), Err(MetainfoError::Missing("length")));
    }

    #[test]
    fn a_name_that_leads_outside_is_refused_wherever_it_stands() {
        for name in ["..", ".", "", "../x", "/etc/passwd", "a/b", "a\0"] {
            let bencoded = format!("{}:{name}", name.len());
            assert!(matches!(fault_of_single(&[("name", &bencoded)]), MetainfoError::Path { .. }), "{name:?}");
            assert!(matches!(fault_of_single(&[("name.utf-8", &bencoded)]), MetainfoError::Path { .. }), "{name:?}");
            for names in [&["a", name, "b"][..], &[name], &["a", name]] {
                assert!(matches!(several(&file(1, names)), Err(MetainfoError::Path { .. })), "{names:?}");
            }
            let legible = format!("d6:lengthi1e4:pathl1:ae10:path.utf-8l{bencoded}ee");
            assert!(matches!(several(&legible), Err(MetainfoError::Path { .. })), "{name:?}");
            let link = format!("d4:attr1:l6:lengthi0e4:pathl1:ae12:symlink pathl1:b{bencoded}ee{}", file(1, &["c"]));
            let refused = several(&link).unwrap_err();
            assert!(matches!(refused, MetainfoError::Path { .. } | MetainfoError::Symlink { .. }), "{name:?}");
        }
        let nameless = several(&file(1, &[])).unwrap_err();
        assert_eq!(nameless, MetainfoError::Path { place: "'path' of file 1".into(), fault: TreePathError::Empty });
    }

    #[test]
    fn what_cannot_be_in_one_folder_is_refused() {
        let twice = [file(1, &["a"]), file(1, &["b"]), file(1, &["a"])].concat();
        assert_eq!(several(&twice), Err(ManifestError::Duplicate(path("t/a")).into()));
        let within = ManifestError::NotAFolder { path: path("t/x"), within: path("t/x/y") };
        assert_eq!(several(&[file(1, &["x", "y"]), file(1, &["x"])].concat()), Err(within.clone().into()));
        let through_link = format!("d4:attr1:l4:pathl1:xe12:symlink pathl1:zee{}", file(1, &["x", "y"]));
        assert_eq!(several(&through_link), Err(within.into()));
        assert_eq!(several(""), Err(MetainfoError::NoFiles));
        assert_eq!(fault_of_single(&[("files", "le")]), MetainfoError::LengthAndFiles);
        assert_eq!(fault_of_single(&[("length", "")]), MetainfoError::Missing("length"));
    }

    #[test]
    fn a_torrent_of_v2_alone_is_called_that() {
        let changes = [("pieces", ""), ("length", ""), ("meta version", "i2e"), ("file tree", "de")];
        assert_eq!(fault_of_single(&changes), MetainfoError::OnlyV2);
    }

    #[test]
    fn pads_symbolic_links_and_programs_are_told_apart() {
        let files = [
            "d4:attr2:hx6:lengthi3e5:mtimei77e4:pathl3:runee".to_owned(),
            // However a pad is called: it is written nowhere.
            "d4:attr1:p6:lengthi5e4:pathl2:..ee".to_owned(),
            "d4:attr1:p6:lengthi5ee".to_owned(),
            file(0, &["d", "empty"]),
            "d4:attr1:l6:lengthi9e4:pathl1:d1:le12:symlink pathl3:runee".to_owned(),
        ];
        let entries = several(&files.concat()).unwrap().manifest.entries;
        let told: Vec<_> =
            entries.iter().map(|entry| (entry.path.to_string(), entry.node.clone(), entry.mode)).collect();
        let pad = || (String::from("t/.pad/5"), Node::Pad { length: 5 }, None);
        assert_eq!(
            told,
            [
                (String::from("t/run"), Node::File { length: 3 }, Some(0o755)),
                pad(),
                pad(),
                (String::from("t/d/empty"), Node::File { length: 0 }, Some(0o644)),
                (String::from("t/d/l"), Node::Symlink { target: b"../run".to_vec() }, None),
            ]
        );
        assert_eq!(entries[0].modified.unwrap().seconds, 77);
    }

    #[test]
    fn a_symbolic_link_needs_a_target_within() {
        assert_eq!(several("d4:attr1:l4:pathl1:aee"), Err(MetainfoError::Missing("symlink path")));
        let nowhere = several("d4:attr1:l4:pathl1:ae12:symlink pathlee").unwrap_err();
        assert_eq!(nowhere.to_string(), "'symlink path' of t/a: a path needs a name");
    }

    #[test]
    fn a_symbolic_link_leads_from_the_top_or_else_from_its_folder() {
        let link = |target: &[&str]| {
            let names: String = target.iter().map(|name| format!("{}:{name}", name.len())).collect();
            let link = format!("d4:attr1:l4:pathl1:d1:le12:symlink pathl{names}ee");
            let files = [link, file(1, &["a"]), file(1, &["d", "a"]), file(1, &["d", "b"]), file(1, &["e", "f", "c"])];
            let entries = several(&files.concat())?.manifest.entries;
            let Node::Symlink { target } = &entries[0].node else { panic!("no link") };
            Ok(String::from_utf8(target.clone()).unwrap())
        };
        for (said, on_disk) in [
            (&["a"][..], "../a"),
            (&["d", "b"], "b"),
            (&["e", "f"], "../e/f"),
            // As libtorrent writes them: as they stand on the disk.
            (&["b"], "b"),
            (&["..", "a"], "../a"),
            (&["..", "gone"], "../gone"),
            // Through another link, or to nothing.
            (&["gone"], "../gone"),
        ] {
            assert_eq!(link(said).as_deref(), Ok(on_disk), "{said:?}");
        }
        for said in [&["..", "..", "a"][..], &[".."], &["b", "..", "a"], &["..", "..", "..", "etc"]] {
            assert!(matches!(link(said), Err(MetainfoError::Symlink { .. })), "{said:?}");
        }
    }

    #[test]
    fn a_name_in_utf_8_counts_before_another() {
        let files = format!("d6:lengthi1e4:pathl2:\u{e9}e10:path.utf-8l1:eee{}", file(1, &["b"]));
        assert_eq!(several(&files).unwrap().manifest.entries[0].path, path("t/e"));
    }

    #[test]
    fn what_is_no_torrent_says_so() {
        let fault = |source: &str| outer(source.as_bytes()).unwrap_err().to_string();
        assert_eq!(fault("le"), "not a .torrent: it is no dictionary");
        assert_eq!(fault("de"), "it has no 'info'");
        assert_eq!(fault("d4:infolee"), "not a sound .torrent: 'info' is not a dictionary");
        assert!(fault("<html>").starts_with("not a sound .torrent: at byte 0: "));
        assert_eq!(fault("d4:infodee\n"), "not a sound .torrent: at byte 10: there is something behind the end");
        assert!(fault(&"x".repeat(Metainfo::LONGEST + 1)).contains("longer than 10000000 bytes"));
    }

    #[test]
    fn bombs_are_refused_at_the_limit_and_not_after_it() {
        let deep = format!("d1:a{}", "l".repeat(1_000_000));
        let fault = outer(deep.as_bytes()).unwrap_err();
        assert_eq!(fault, BencodeError::TooDeep { at: 103, depth: 100 }.into());
        let wide = format!("l{}e", "0:".repeat(3_000_000));
        assert_eq!(outer(wide.as_bytes()).unwrap_err(), BencodeError::TooMany(3_000_000).into());
    }

    #[test]
    fn the_list_of_trackers_counts_before_the_one() {
        let (about, raw) = outer(b"d8:announce1:x13:announce-listll1:a1:belel0:el1:cee4:infodee").unwrap();
        assert_eq!((about.trackers, raw), (vec![vec!["a".into(), "b".into()], vec!["c".into()]], &b"de"[..]));
        let (about, _) = outer(b"d8:announce1:x13:announce-listle4:infodee").unwrap();
        assert_eq!(about.trackers, [["x"]]);
    }
}
