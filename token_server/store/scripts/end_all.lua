-- Ends every session of a subject, in constant time.
--
-- KEYS: subject record   ARGV: now, how long the record must be kept (milliseconds)

end_all_sessions(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]))
return 1
