//! The operating system's randomness, for drivers; the engine gets a seed.

/// 32 bytes that nobody guesses.
pub(crate) fn bytes() -> std::io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes)
}
