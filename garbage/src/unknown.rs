//! Why it cannot be told what is needed, said of a place, and what to do.

/// Of where all repositories should be.
pub const NO_REPOSITORIES: &str = "is not there, and blobs are: bring it back, or remove them by hand";

/// Of something among the repositories.
pub const NO_NAME: &str = "has manifests and is not the name of a repository: move it out of repositories/";

/// Of a tag.
pub const NAMES_NOTHING: &str = "has no digest in it, so that a manifest may seem to have no tag: write the right one (index/ beside it \
                                 has what it was once), or delete the tag";
