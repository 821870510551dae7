-- Ends every session of a subject, in constant time.
--
-- KEYS: subject record   ARGV: how long its record must be kept, until when a session may live

end_all_sessions(KEYS[1], ARGV[1], ARGV[2])
return 1
