//! Wire to domain and back: the only place where the two meet.
