//! The outline of a source text: its functions and types, with their bytes.
//!
//! Tolerant by design: slices, truncation and unbalanced brackets lose items, they never invent an
//! end. Whoever cuts by an outline checks the indentation as well. Cost: linear, no recursion.

use super::language::Language;
use super::{braces, python, ruby};

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// A function, method, constructor, or a callback with a block.
    Function,
    /// A class, struct, interface, trait, impl, module or namespace.
    Type,
}

/// A function or a type with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Bytes of its name (of the string for `it("…", () => {`); empty if it has none.
    pub name: (usize, usize),
    /// First byte of its head: modifiers, decorators and attributes included, comments not.
    pub start: usize,
    /// Bytes of its body, braces included (in Python the bytes after the colon, in Ruby those between
    /// head and `end`).
    pub body: (usize, usize),
    /// Byte after the item.
    pub end: usize,
    /// The item that this one stands in.
    pub parent: Option<usize>,
}

/// The outline of one text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// Items in order of their bodies' starts; parents come before their children.
    pub items: Vec<Item>,
    /// Bytes of comments (not of docstrings), in order.
    pub comments: Vec<(usize, usize)>,
}

/// Reads the outline of `text`. Texts of 4 GiB and more have none.
pub fn outline(text: &str, language: Language) -> Outline {
    if u32::try_from(text.len()).is_err() {
        return Outline::default();
    }
    match language {
        Language::Python => python::outline(text),
        Language::Ruby => ruby::outline(text),
        _ => braces::outline(text, language),
    }
}

/// Leaves out the items without an end; what stood in them moves to the item around.
pub(super) fn drop_open(items: &mut Vec<Item>) {
    // Where each item goes, or the item around it that stays. Parents come before their children.
    let mut place: Vec<Option<usize>> = Vec::with_capacity(items.len());
    let mut kept = 0;
    items.retain_mut(|item| {
        item.parent = item.parent.and_then(|p| place[p]);
        let stays = item.end > item.start;
        place.push(if stays { Some(kept) } else { item.parent });
        kept += usize::from(stays);
        stays
    });
}
