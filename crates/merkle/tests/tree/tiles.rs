//! Tiles: addresses as the specification writes them, and contents that are read whole or not at all. Those that
//! another program made are in `vectors.rs`.

use merkle::{EntryBundle, TILE_WIDTH, Tile, TreeSize};
use proptest::prelude::*;

#[test]
fn the_specifications_examples_are_written_and_read() {
    for (tile, path) in [
        ((0, 0, 256), "tile/0/000"),
        ((0, 1_234_067, 256), "tile/0/x001/x234/067"),
        ((1, 273, 112), "tile/1/273.p/112"),
        ((0, 70_000, 1), "tile/0/x070/000.p/1"),
        ((2, 1, 17), "tile/2/001.p/17"),
    ] {
        let (level, index, width) = tile;
        let tile = Tile {
            level,
            index,
            width,
        };
        assert_eq!(tile.path(), path);
        assert_eq!(Tile::parse(path), Some(tile));
    }
    let bundle = EntryBundle {
        index: 1_234_067,
        width: 8,
    };
    assert_eq!(bundle.path(), "tile/entries/x001/x234/067.p/8");
    assert_eq!(EntryBundle::parse(&bundle.path()), Some(bundle));
}

#[test]
fn another_spelling_of_an_address_is_none() {
    for path in [
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/07",
        "tile/0/000.p/+7",
        "tile/0/000.p",
        "tile/7/000",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/entries/000",
        "/tile/0/000",
        "tile/0/000/",
    ] {
        assert_eq!(Tile::parse(path), None, "{path}");
    }
    for path in ["tile/0/000", "tile/entries/0", "tile/entries/000.p/256"] {
        assert_eq!(EntryBundle::parse(path), None, "{path}");
    }
}

/// 70,000 leaves: 273 full tiles of leaf hashes and one of 112; 273 hashes on the next level, 17 beside the
/// full tile; one above.
#[test]
fn a_tree_has_the_tiles_that_the_specification_says() {
    let tiles = Tile::all_of(TreeSize::new(70_000));
    let at = |level| -> Vec<(u64, u16)> {
        let of_level = tiles.iter().filter(|tile| tile.level == level);
        of_level.map(|tile| (tile.index, tile.width)).collect()
    };
    assert_eq!(at(0).len(), 274);
    assert_eq!(at(0)[273], (273, 112));
    assert_eq!(at(1), [(0, TILE_WIDTH), (1, 17)]);
    assert_eq!(at(2), [(0, 1)]);
    assert_eq!(at(3), []);
    assert_eq!(EntryBundle::all_of(TreeSize::new(70_000)).len(), 274);
    assert_eq!(Tile::all_of(TreeSize::ZERO), []);
}

#[test]
fn a_tile_fits_every_tree_that_has_its_hashes() {
    let tile = Tile {
        level: 1,
        index: 1,
        width: 17,
    };
    assert!(!tile.fits(TreeSize::new(69_887)));
    assert!(tile.fits(TreeSize::new(69_888)));
    assert!(tile.fits(TreeSize::new(1_000_000)));
    let first = tile.nodes().next();
    assert_eq!((first, tile.nodes().count()), (Some((8, 256)), 17));
    let bundle = EntryBundle { index: 2, width: 3 };
    assert_eq!(bundle.leaves(), 512..515);
    assert!(bundle.fits(TreeSize::new(515)) && !bundle.fits(TreeSize::new(514)));
}

#[test]
fn a_bundle_is_read_whole_or_not_at_all() {
    let entries: [&[u8]; 3] = [b"one", b"", b"three"];
    let bytes = EntryBundle::encode(entries).unwrap();
    assert_eq!(bytes, b"\0\x03one\0\0\0\x05three");
    let bundle = EntryBundle { index: 0, width: 3 };
    assert_eq!(bundle.decode(&bytes).unwrap(), entries);
    for cut in 0..bytes.len() {
        assert_eq!(bundle.decode(&bytes[..cut]), None, "cut at {cut}");
    }
    let behind = [&bytes[..], b"\0"].concat();
    assert_eq!(bundle.decode(&behind), None);
    let long = vec![0; usize::from(u16::MAX) + 1];
    assert_eq!(EntryBundle::encode([&long[..]]), None);
}

proptest! {
    #[test]
    fn every_address_reads_back(level in 0_u8..=6, index in 0_u64..1 << 50, width in 1_u16..=256) {
        let tile = Tile { level, index, width };
        prop_assert_eq!(Tile::parse(&tile.path()), Some(tile));
        let bundle = EntryBundle { index, width };
        prop_assert_eq!(EntryBundle::parse(&bundle.path()), Some(bundle));
    }

    #[test]
    fn reading_never_panics(path in ".{0,60}", bytes: Vec<u8>, width in 1_u16..=256) {
        let _ = (Tile::parse(&path), EntryBundle::parse(&path));
        let _ = EntryBundle { index: 0, width }.decode(&bytes);
        let _ = Tile { level: 0, index: 0, width }.decode(&bytes);
    }

    /// The hashes of the leaf tiles give the root, and every tile fits the tree it is of.
    #[test]
    fn the_tiles_of_a_tree_are_its_own(size in 0_u64..2_000) {
        let size = TreeSize::new(size);
        let tiles = Tile::all_of(size);
        prop_assert!(tiles.iter().all(|tile| tile.fits(size)));
        let leaves: u64 = tiles.iter().filter(|tile| tile.level == 0).map(|tile| u64::from(tile.width)).sum();
        prop_assert_eq!(leaves, size.get());
    }
}
