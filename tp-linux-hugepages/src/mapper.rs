//! The mapper that the core asks for regions: from an announced URI to a mapping, or a refusal.

use crate::allow::{AllowedBases, Permissions};
use crate::mapping::{Extent, Mapping, Residency, WritableMapping};
use crate::open::{CheckedPath, RegionFile};
use std::path::Path;
use tp_core_nostd::memory::{MapError, RegionMapper};
use tp_core_nostd::uri::RegionUri;

/// Maps the files that announced URIs name, after all checks of [`CheckedPath`] (C-155). By default it accepts nothing,
/// because no base directory is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinuxMapper {
    /// Where regions may lie.
    pub bases: AllowedBases,
    /// Who may own them.
    pub permissions: Permissions,
    /// What is done for a mapping before its first use.
    pub residency: Residency,
}

impl LinuxMapper {
    pub(crate) fn open(
        &self,
        uri: &RegionUri<'_>,
        len: u64,
        write: bool,
    ) -> Result<(RegionFile, Extent), MapError> {
        let path = CheckedPath::resolve(Path::new(uri.path()), &self.bases)?;
        let file = path.open(write, &self.permissions)?;
        file.require_len(len)?;
        let huge_page_bytes = file.huge_page_bytes(uri.require_hugepages())?;
        let extent = Extent::new(len, huge_page_bytes)?;
        Ok((file, extent))
    }
}

impl RegionMapper for LinuxMapper {
    type Read = Mapping;
    type Write = WritableMapping;

    fn map_read(&self, uri: &RegionUri<'_>, len: u64) -> Result<Mapping, MapError> {
        let (file, extent) = self.open(uri, len, false)?;
        Mapping::new(&file, extent, self.residency)
    }

    fn map_write(&self, uri: &RegionUri<'_>, len: u64) -> Result<WritableMapping, MapError> {
        let (file, extent) = self.open(uri, len, true)?;
        WritableMapping::new(&file, extent, self.residency)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "test arithmetic")]

    use super::*;
    use crate::fixture::HugePages;
    use std::fs::{self, File};
    use std::os::unix::fs::PermissionsExt;
    use tp_core_nostd::memory::{MapStep, Region};

    fn mapper(base: &Path) -> LinuxMapper {
        LinuxMapper {
            bases: AllowedBases::new(&[base]).unwrap(),
            ..LinuxMapper::default()
        }
    }

    /// A file of `len` bytes and its path as an announce would name it.
    fn region(base: &Path, len: u64, mode: u32) -> String {
        let path = base.join("header.ring");
        File::create_new(&path).unwrap().set_len(len).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    #[test] // req: C-155, W-016, W-253
    fn an_acceptable_region_is_mapped() {
        let base = tempfile::tempdir().unwrap();
        let path = region(base.path(), 8192, 0o660);
        let uri = RegionUri::new(&path, false).unwrap();
        let mapper = mapper(base.path());
        assert_eq!(mapper.map_read(&uri, 2112).unwrap().view().len(), 2112);
        assert_eq!(mapper.map_write(&uri, 8192).unwrap().view().len(), 8192);
    }

    #[test] // req: C-155, C-003, C-004, W-030, W-241, W-258, T-33, I-07
    fn every_check_is_made_on_the_way_to_a_mapping() {
        let base = tempfile::tempdir().unwrap();
        let path = region(base.path(), 4096, 0o644);
        let uri = RegionUri::new(&path, false).unwrap();
        let strict = mapper(base.path());
        let refusal = |mapper: &LinuxMapper, uri, len| {
            let refused = mapper.map_write(uri, len).unwrap_err();
            assert_eq!(mapper.map_read(uri, len).unwrap_err(), refused);
            refused
        };
        assert_eq!(
            refusal(&LinuxMapper::default(), &uri, 4096),
            MapError::OutsideBases
        );
        let readable_by_others = refusal(&strict, &uri, 4096);
        assert!(matches!(
            readable_by_others,
            MapError::Permissions { mode: 0o644, .. }
        ));

        fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
        let (needed, got) = (4160, 4096);
        assert_eq!(
            refusal(&strict, &uri, 4160),
            MapError::TooShort { needed, got }
        );
        let huge = RegionUri::new(&path, true).unwrap();
        assert_eq!(refusal(&strict, &huge, 4096), MapError::NotHugepages);
        let missing = format!("{path}.gone");
        let missing = RegionUri::new(&missing, false).unwrap();
        assert_eq!(refusal(&strict, &missing, 4096), MapError::NotFound);
    }

    #[test] // req: W-259, W-260, T-30
    fn regions_on_huge_pages_are_accepted_where_they_are_required() {
        let name = "regions_on_huge_pages_are_accepted_where_they_are_required";
        let Some(huge) = HugePages::mount(name, 1) else {
            return;
        };
        let page = crate::huge_page_bytes(File::open(huge.path()).unwrap()).unwrap();
        let path = region(huge.path(), page.unwrap().get(), 0o660);
        let uri = RegionUri::new(&path, true).unwrap();
        let mapping = mapper(huge.path()).map_read(&uri, 2112).unwrap();
        assert_eq!(mapping.view().load(0), Ok(0));
    }

    #[test] // req: W-258
    fn huge_pages_that_ran_out_are_an_error_and_not_a_fault() {
        let name = "huge_pages_that_ran_out_are_an_error_and_not_a_fault";
        let Some(huge) = HugePages::mount(name, 1) else {
            return;
        };
        let page = crate::huge_page_bytes(File::open(huge.path()).unwrap()).unwrap();
        let len = page.unwrap().get() * 2;
        let path = region(huge.path(), len, 0o660);
        let uri = RegionUri::new(&path, true).unwrap();
        let refused = mapper(huge.path()).map_read(&uri, len).unwrap_err();
        assert!(
            matches!(
                refused,
                MapError::Failed {
                    step: MapStep::Map,
                    ..
                }
            ),
            "{refused}"
        );
    }
}
