//! Proof that a file or directory lies on huge pages, and sizes in whole pages.

use core::num::NonZero;
use rustix::fd::AsFd;
use rustix::fs::fstatfs;
use std::io;

/// What `fstatfs` says of a hugetlbfs (W-260).
const HUGETLBFS_MAGIC: u32 = 0x9584_58F6;

/// The size of the huge pages behind an open file or directory, in bytes; `None` where they are ordinary pages.
///
/// Transparent huge pages are no proof: the kernel may give them back at any moment.
///
/// # Errors
/// The file system cannot be asked. Whoever needs huge pages then has to refuse (W-261).
pub fn huge_page_bytes(fd: impl AsFd) -> io::Result<Option<NonZero<u64>>> {
    let stat = fstatfs(fd)?;
    // The magic fills 32 bits; the field is wider or signed, depending on the platform.
    Ok(if stat.f_type as u32 == HUGETLBFS_MAGIC {
        NonZero::new(stat.f_bsize as u64)
    } else {
        None
    })
}

/// `len_bytes` rounded up to whole huge pages, unchanged without them (wire T-30); `None` beyond 64 bits.
pub fn whole_pages(len_bytes: u64, huge_page_bytes: Option<NonZero<u64>>) -> Option<u64> {
    match huge_page_bytes {
        Some(page) => len_bytes.checked_next_multiple_of(page.get()),
        None => Some(len_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::HugePages;

    #[test] // req: W-260
    fn ordinary_files_prove_no_huge_pages() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(huge_page_bytes(&file).unwrap(), None);
    }

    #[test] // req: W-259, W-260
    fn hugetlbfs_proves_its_page_size() {
        let Some(huge) = HugePages::mount("hugetlbfs_proves_its_page_size", 0) else {
            return;
        };
        let file = std::fs::File::create(huge.path().join("probe")).unwrap();
        let page = huge_page_bytes(&file).unwrap().unwrap();
        assert!(page.is_power_of_two() && page.get() > 4096, "{page}");
    }

    #[test] // req: T-30
    fn sizes_round_up_to_whole_huge_pages() {
        let page = NonZero::new(2 << 20);
        for (len, rounded) in [
            (1, Some(2 << 20)),
            (2 << 20, Some(2 << 20)),
            ((2 << 20) + 64, Some(4 << 20)),
            (u64::MAX, None),
        ] {
            assert_eq!(whole_pages(len, page), rounded);
        }
        assert_eq!(whole_pages(2112, None), Some(2112));
    }
}
