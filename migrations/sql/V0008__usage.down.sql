ALTER TABLE responses DROP COLUMN reserved_tokens;
DROP TABLE usage_daily;
