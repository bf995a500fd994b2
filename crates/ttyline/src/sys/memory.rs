//! Memory that a program which now waits for hours will not need.

/// Pages below the stack pointer that are given back, bytes: more than any start-up ever used.
const STACK_BELOW: usize = 256 * 1024;

/// What this function and the one it calls may be using below its frame, bytes.
const STACK_LEFT: usize = 768;

/// Gives back what start-up has used and waiting does not need: free pages of the heap, and pages of
/// the stack below the caller's frame. They come back, zeroed, when they are touched again.
#[inline(never)]
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim touches only memory that the allocator knows to be free.
    unsafe {
        libc::malloc_trim(0);
    }
    // SAFETY: sysconf takes an integer and touches no memory of ours.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    let here = 0_u8;
    // So much is left below: this function's own callees (madvise) and the red zone lie there.
    let end = (&raw const here as usize).saturating_sub(STACK_LEFT) & !(page - 1);
    let start = end.saturating_sub(STACK_BELOW);
    // SAFETY: the range is below everything live on this stack (the one that grows down, of the only
    // thread), so nothing in it is read again before it is written. Where less than the range is mapped
    // the kernel gives back what is there and says ENOMEM, which changes nothing.
    unsafe {
        libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_in_use_stays() {
        let (vector, array) = (vec![7_u8; 100_000], [3_u8; 5000]);
        super::give_back();
        assert!(vector.iter().all(|b| *b == 7) && array.iter().all(|b| *b == 3));
    }
}
