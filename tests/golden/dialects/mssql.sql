-- read
SELECT sales.[Order Line].no AS v0, sales.[Order Line].place AS v1, sales.[Order Line].price AS v2, CASE WHEN (sales.[Order Line].due BETWEEN :least3 AND :most3) THEN sales.[Order Line].due END AS v3, CASE WHEN (sales.[Order Line].made BETWEEN :least4 AND :most4) THEN sales.[Order Line].made END AS v4, CASE WHEN (sales.[Order Line].seen BETWEEN :least5 AND :most5) THEN sales.[Order Line].seen END AS v5, sales.[Order Line].ratio AS v6, CAST(sales.[Order Line].extra AS NVARCHAR(max)) AS v7, sales.[Order Line].is_open AS v8, sales.[Order Line].scan AS v9, sales.[Order Line].note AS v10, CASE WHEN (sales.[Order Line].due IS NULL) THEN 0 WHEN (sales.[Order Line].due BETWEEN :least3 AND :most3) THEN 0 ELSE 1 END AS m3, CASE WHEN (sales.[Order Line].made IS NULL) THEN 0 WHEN (sales.[Order Line].made BETWEEN :least4 AND :most4) THEN 0 ELSE 1 END AS m4, CASE WHEN (sales.[Order Line].seen IS NULL) THEN 0 WHEN (sales.[Order Line].seen BETWEEN :least5 AND :most5) THEN 0 ELSE 1 END AS m5, CAST(sales.[Order Line].ratio AS DOUBLE PRECISION) AS m6 
FROM sales.[Order Line]

-- look up
SELECT sales.[Order Line].no 
FROM sales.[Order Line] 
WHERE sales.[Order Line].no = :param_1 AND sales.[Order Line].place = :param_2 OR sales.[Order Line].no = :param_3 AND sales.[Order Line].place = :param_4

-- look up by one part, and lock
SELECT sales.[Order Line].no 
FROM sales.[Order Line] 
WHERE sales.[Order Line].no IN (:param_1, :param_2)

-- go on after a key
SELECT sales.[Order Line].no 
FROM sales.[Order Line] 
WHERE sales.[Order Line].no > :param_1 OR sales.[Order Line].no = :param_2 AND sales.[Order Line].place > :param_3 ORDER BY sales.[Order Line].no, sales.[Order Line].place

-- create
INSERT INTO sales.[Order Line] (no, place, price, seen) VALUES (:p0, :p1, :p2, :p3)

-- create, the key drawn
INSERT INTO sales.[Order Line] (price) OUTPUT inserted.no VALUES (:p0)

-- update
UPDATE sales.[Order Line] SET price=:p0, is_open=:p1 WHERE sales.[Order Line].no = :p2 AND sales.[Order Line].place = :p3

-- delete
DELETE FROM sales.[Order Line] WHERE sales.[Order Line].no = :p0 AND sales.[Order Line].place = :p1

-- make a table
CREATE TABLE sales.[Order Line] (
	no BIGINT NOT NULL, 
	place NVARCHAR(40) NOT NULL, 
	price NUMERIC(12, 2) NULL, 
	due DATE NULL, 
	made DATETIME NULL, 
	seen DATETIMEOFFSET NULL, 
	ratio DOUBLE PRECISION NULL, 
	extra NVARCHAR(max) NULL, 
	is_open BIT NULL, 
	scan VARBINARY(max) NULL, 
	note NVARCHAR(max) NULL, 
	PRIMARY KEY (no, place)
)

-- make dovetail_fence
CREATE TABLE sales.dovetail_fence (
	part_name NVARCHAR(160) NOT NULL, 
	epoch BIGINT NOT NULL, 
	PRIMARY KEY (part_name)
)

-- make dovetail_ledger
CREATE TABLE sales.dovetail_ledger (
	part_name NVARCHAR(160) NOT NULL, 
	chunk BIGINT NOT NULL, 
	piece INTEGER NOT NULL, 
	run_name NVARCHAR(190) NOT NULL, 
	content VARBINARY(max) NOT NULL, 
	PRIMARY KEY (part_name, chunk, piece)
)
