//! Lays out the vocabularies and the Unicode classes as tables that are used where they lie.
//!
//! The ranks come from tiktoken-rs, the tokenizer of record, which is needed only here; the
//! classes come from regex-syntax, the tables behind the regexes of tiktoken-rs. Both are written
//! to `OUT_DIR` and included in the library: nothing is decoded or built when it runs. Anything
//! that the readers in `src/tokens` rely on is checked here and stops the build.

// A table that cannot be laid out must stop the build.
#![allow(clippy::expect_used, clippy::panic)]

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "src/tokens/hash.rs"]
mod hash;

/// Slots per key. Fuller tables take longer to build, emptier ones are larger on disk.
const SLOTS_PER_KEY: f64 = 1.06;
/// Keys that share one displacement, at most on average.
const KEYS_PER_BUCKET: usize = 3;
/// Characters per block of the class table.
const CLASS_BLOCK: usize = 128;
/// A rank no token has.
const NO_RANK: u32 = u32::MAX;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/tokens/hash.rs");
    for name in ["PROFILE", "TARGET"] {
        println!(
            "cargo::rustc-env=HEADROOM_{name}={}",
            env::var(name).expect("cargo sets PROFILE and TARGET")
        );
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let o200k = tokens(&tiktoken_rs::o200k_base().expect("o200k_base loads"));
    let cl100k = tokens(&tiktoken_rs::cl100k_base().expect("cl100k_base loads"));
    let r50k = tokens(&tiktoken_rs::r50k_base().expect("r50k_base loads"));
    let p50k = tokens(&tiktoken_rs::p50k_base().expect("p50k_base loads"));
    for tokens in [&o200k, &cl100k] {
        let known: HashSet<&[u8]> = tokens.iter().map(|(bytes, _)| &bytes[..]).collect();
        for digits in (0..1000).flat_map(|n| [format!("{n}"), format!("{n:02}"), format!("{n:03}")]) {
            assert!(known.contains(digits.as_bytes()), "up to three digits are one token: {digits}");
        }
    }
    vocabulary(&out, "o200k_base", &o200k, "");
    vocabulary(&out, "cl100k_base", &cl100k, "");
    vocabulary(&out, "r50k_base", &r50k, &space_runs(&r50k, &p50k));
    classes(&out);
}

/// All tokens with their ranks, except the single byte that UTF-8 never uses.
fn tokens(bpe: &tiktoken_rs::CoreBPE) -> Vec<(Vec<u8>, u32)> {
    let special: HashSet<Vec<u8>> = bpe.special_tokens().into_iter().map(|s| s.as_bytes().to_vec()).collect();
    // Special ranks lie among the others or shortly behind them, with gaps.
    let tokens: Vec<_> = (0..210_000)
        .filter_map(|rank| Some((bpe.decode_bytes(&[rank]).ok()?, rank)))
        .filter(|(bytes, _)| !special.contains(bytes) && bytes != &[hash::PAD])
        .collect();
    let single: HashSet<u8> =
        tokens.iter().filter(|(bytes, _)| bytes.len() == 1).map(|(bytes, _)| bytes[0]).collect();
    assert_eq!(single.len(), usize::from(hash::PAD), "every byte is a token");
    tokens.into_iter().filter(|(bytes, _)| !bytes.contains(&hash::PAD)).collect()
}

/// What p50k_base has beyond r50k_base: runs of spaces. Written as (ranks by length).
fn space_runs(r50k: &[(Vec<u8>, u32)], p50k: &[(Vec<u8>, u32)]) -> String {
    let base: HashMap<_, _> = r50k.iter().cloned().collect();
    let mut by_length = Vec::new();
    for (bytes, rank) in p50k {
        match base.get(bytes) {
            Some(same) => assert_eq!(same, rank, "p50k_base extends r50k_base"),
            None => {
                assert!(bytes.len() > 1 && bytes.iter().all(|&b| b == b' '), "by runs of spaces alone");
                by_length.resize(by_length.len().max(bytes.len() + 1), NO_RANK);
                by_length[bytes.len()] = *rank;
            }
        }
    }
    assert_eq!(base.len() + by_length.iter().filter(|&&rank| rank != NO_RANK).count(), p50k.len());
    format!(
        "/// Ranks of the runs of spaces that p50k_base adds, by length.\npub(super) static P50K_SPACES: &[u32] = &{by_length:?};\n"
    )
}

/// Writes one vocabulary as three perfect hash tables by length of token.
fn vocabulary(out: &Path, name: &str, tokens: &[(Vec<u8>, u32)], more: &str) {
    let padded = |bytes: &[u8], from: usize| {
        let mut word = [hash::PAD; 8];
        for (to, byte) in word.iter_mut().zip(bytes.iter().skip(from)) {
            *to = *byte;
        }
        u64::from_le_bytes(word)
    };
    let (mut short, mut medium, mut long) = (Vec::new(), Vec::new(), Vec::new());
    for (bytes, rank) in tokens {
        match bytes.len() {
            ..=hash::SHORT => short.push((hash::short(padded(bytes, 0)), bytes, rank)),
            9..=hash::MEDIUM => medium.push((hash::medium(padded(bytes, 0), padded(bytes, 8)), bytes, rank)),
            _ => long.push((hash::long(bytes), bytes, rank)),
        }
    }
    let longest = tokens.iter().map(|(bytes, _)| bytes.len()).max().unwrap_or(0);
    let mut source = String::new();
    let mut blob = Vec::new();
    for (table, keys, width) in
        [("short", &short, hash::SHORT), ("medium", &medium, hash::MEDIUM), ("long", &long, 8)]
    {
        let (displacements, slots) = perfect(&keys.iter().map(|key| key.0).collect::<Vec<_>>());
        let (mut key_bytes, mut ranks) = (Vec::new(), Vec::new());
        for slot in slots {
            let (bytes, rank) = slot.map_or((&[][..], NO_RANK), |key| (&keys[key].1[..], *keys[key].2));
            if table == "long" {
                // Where the token lies in the blob; an empty slot has length 0, which is never asked for.
                key_bytes.extend((blob.len() as u32).to_le_bytes());
                key_bytes.extend((bytes.len() as u32).to_le_bytes());
                blob.extend(bytes);
            } else {
                key_bytes.extend(bytes);
                key_bytes.resize(key_bytes.len().next_multiple_of(width), hash::PAD);
                if bytes.is_empty() {
                    key_bytes.resize(key_bytes.len() + width, hash::PAD);
                }
            }
            ranks.extend(rank.to_le_bytes());
        }
        let displacements: Vec<u8> = displacements.iter().flat_map(|d| d.to_le_bytes()).collect();
        for (part, bytes) in [("seeds", &displacements), ("keys", &key_bytes), ("ranks", &ranks)] {
            fs::write(out.join(format!("{name}.{table}.{part}")), bytes).expect("OUT_DIR is writable");
        }
        write!(
            source,
            "    {table}: Table {{\n        seeds: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.{table}.seeds\")).as_chunks().0,\n        \
             keys: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.{table}.keys\")).as_chunks().0,\n        \
             ranks: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.{table}.ranks\")).as_chunks().0,\n    }},\n",
        )
        .expect("writing to a string");
    }
    fs::write(out.join(format!("{name}.blob")), blob).expect("OUT_DIR is writable");
    let constant = name.to_uppercase();
    let source = format!(
        "/// The tokens of {name}.\npub(super) static {constant}: Tables = Tables {{\n{source}    \
         blob: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.blob\")),\n    longest: {longest},\n}};\n{more}"
    );
    fs::write(out.join(format!("{name}.rs")), source).expect("OUT_DIR is writable");
}

/// A displacement for every bucket such that no two hashes share a slot, and who sits in each slot.
fn perfect(hashes: &[u64]) -> (Vec<u16>, Vec<Option<usize>>) {
    assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), hashes.len(), "hashes of tokens differ");
    let buckets = (hashes.len() / KEYS_PER_BUCKET).max(1).next_power_of_two();
    let slots = (hashes.len() as f64 * SLOTS_PER_KEY) as usize + 1;
    let mut members = vec![Vec::new(); buckets];
    for (key, &hash) in hashes.iter().enumerate() {
        members[hash::bucket(hash, buckets)].push(key);
    }
    let mut order: Vec<usize> = (0..buckets).collect();
    order.sort_by_key(|&bucket| std::cmp::Reverse(members[bucket].len()));
    let (mut displacements, mut taken) = (vec![0; buckets], vec![None; slots]);
    for bucket in order {
        let fits = (0..u16::MAX).find(|&displacement| {
            let mut placed = Vec::new();
            let free = members[bucket].iter().all(|&key| {
                let slot = hash::slot(hashes[key], displacement, slots);
                let free = taken[slot].is_none() && !placed.contains(&slot);
                placed.push(slot);
                free
            });
            if free {
                for (slot, &key) in placed.iter().zip(&members[bucket]) {
                    taken[*slot] = Some(key);
                }
            }
            free
        });
        displacements[bucket] = fits.expect("a displacement exists; else raise SLOTS_PER_KEY");
    }
    (displacements, taken)
}

/// Writes the class of every character as the regexes of tiktoken-rs see it; numbers as in `classes.rs`.
fn classes(out: &Path) {
    let mut class_of = vec![0u8; 0x11_0000];
    // No two overlap, except the last with the one before it.
    for (pattern, class) in [
        (r"\p{M}", 1),
        (r"[\p{Lm}\p{Lo}]", 4),
        (r"[\p{Lu}\p{Lt}]", 2),
        (r"\p{Ll}", 3),
        (r"\p{N}", 5),
        (r"\s", 6),
        (r"[\r\n]", 7),
    ] {
        let hir = regex_syntax::parse(pattern).expect("the class is known");
        let regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class_ranges)) = hir.kind()
        else {
            panic!("{pattern} is a class of characters");
        };
        for range in class_ranges.ranges() {
            for of in &mut class_of[range.start() as usize..=range.end() as usize] {
                assert!(*of == 0 || class == 7, "classes are disjoint");
                *of = class;
            }
        }
    }
    let (mut blocks, mut index): (Vec<&[u8]>, Vec<u8>) = (Vec::new(), Vec::new());
    for block in class_of.chunks(CLASS_BLOCK) {
        let at = blocks.iter().position(|&known| known == block).unwrap_or(blocks.len());
        if at == blocks.len() {
            blocks.push(block);
        }
        index.push(u8::try_from(at).expect("at most 256 different blocks"));
    }
    fs::write(out.join("classes.index"), index).expect("OUT_DIR is writable");
    fs::write(out.join("classes.blocks"), blocks.concat()).expect("OUT_DIR is writable");
}
