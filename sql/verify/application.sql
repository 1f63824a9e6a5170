-- As much of the application's tables as the scenarios need, with its integration tests' rows: for a scratch database.
-- `hart verify` makes that database, runs this and the scenarios in it, and drops it. SQL Server 2025.
-- Rows get their ids in the order of ORDER BY; the scenarios count on it.
CREATE TABLE dbo.Models
(
    ModelId int IDENTITY NOT NULL PRIMARY KEY,
    ModelName nvarchar(200) NOT NULL,
    ModelType nvarchar(100) NULL,
    Architecture nvarchar(100) NULL,
    Config nvarchar(max) NULL,
    ParameterCount bigint NULL
);
CREATE TABLE dbo.ModelLayers
(
    LayerId bigint IDENTITY NOT NULL PRIMARY KEY,
    ModelId int NOT NULL REFERENCES dbo.Models (ModelId),
    LayerIdx int NOT NULL,
    LayerName nvarchar(100) NULL,
    LayerType nvarchar(50) NULL,
    WeightsGeometry geometry NULL,
    TensorShape nvarchar(200) NULL,
    TensorDtype nvarchar(20) NULL,
    QuantizationType nvarchar(20) NULL,
    QuantizationScale float NULL,
    QuantizationZeroPoint float NULL,
    Parameters nvarchar(max) NULL,
    ParameterCount bigint NULL,
    CacheHitRate float NULL,
    AvgComputeTimeMs float NULL,
    LayerAtomId bigint NULL
);
CREATE TABLE dbo.Atoms
(
    AtomId bigint IDENTITY NOT NULL PRIMARY KEY,
    ContentHash binary(32) NULL,
    Modality nvarchar(64) NULL,
    Subtype nvarchar(128) NULL,
    SourceUri nvarchar(1024) NULL,
    SourceType nvarchar(128) NULL,
    CanonicalText nvarchar(max) NULL
);
CREATE TABLE dbo.AtomEmbeddings
(
    AtomEmbeddingId bigint IDENTITY NOT NULL PRIMARY KEY,
    AtomId bigint NOT NULL REFERENCES dbo.Atoms (AtomId),
    ModelId int NULL,
    EmbeddingType nvarchar(128) NULL,
    Dimension int NOT NULL,
    EmbeddingVector VECTOR(1998) NULL,
    SpatialProjX float NULL,
    SpatialProjY float NULL,
    SpatialProjZ float NULL,
    SpatialGeometry geometry NULL,
    SpatialCoarse geometry NULL,
    SpatialBucketX int NULL,
    SpatialBucketY int NULL,
    SpatialBucketZ int NULL,
    CreatedAt datetime2 NOT NULL DEFAULT SYSUTCDATETIME()
);
CREATE TABLE dbo.TensorAtoms
(
    TensorAtomId bigint IDENTITY NOT NULL PRIMARY KEY,
    AtomId bigint NOT NULL,
    ModelId int NULL,
    LayerId bigint NULL,
    AtomType nvarchar(128) NULL,
    SpatialSignature geometry NULL,
    GeometryFootprint geometry NULL,
    Metadata nvarchar(max) NULL,
    ImportanceScore real NULL
);
CREATE TABLE dbo.LayerTensorSegments
(
    LayerId bigint NOT NULL,
    SegmentOrdinal int NOT NULL,
    RawPayload varbinary(max) NOT NULL,
    PRIMARY KEY (LayerId, SegmentOrdinal)
);
CREATE TABLE dbo.InferenceRequests
(
    InferenceId bigint IDENTITY NOT NULL PRIMARY KEY,
    TaskType nvarchar(50) NOT NULL,
    InputData nvarchar(max) NULL,
    InputHash varbinary(32) NULL,
    ModelsUsed nvarchar(max) NULL,
    EnsembleStrategy nvarchar(50) NULL,
    OutputMetadata nvarchar(max) NULL,
    TotalDurationMs int NULL,
    CacheHit bit NULL
);
GO
CREATE TABLE dbo.TensorAtomCoefficients
(
    TensorAtomCoefficientId bigint IDENTITY NOT NULL PRIMARY KEY,
    TensorAtomId bigint NOT NULL,
    ParentLayerId bigint NOT NULL,
    TensorRole nvarchar(128) NULL,
    Coefficient real NOT NULL,
    ValidFrom datetime2(7) GENERATED ALWAYS AS ROW START NOT NULL,
    ValidTo datetime2(7) GENERATED ALWAYS AS ROW END NOT NULL,
    PERIOD FOR SYSTEM_TIME (ValidFrom, ValidTo)
)
WITH (SYSTEM_VERSIONING = ON (HISTORY_TABLE = dbo.TensorAtomCoefficients_History));
GO
INSERT dbo.Models (ModelName, ModelType, ParameterCount) VALUES (N'seed', N'transformer', 64);
INSERT dbo.ModelLayers (ModelId, LayerIdx, LayerName, LayerType, ParameterCount)
SELECT 1, value, CONCAT(N'layer', value), N'dense', 16 FROM GENERATE_SERIES(0, 3) ORDER BY value;
INSERT dbo.TensorAtoms (AtomId, ModelId, LayerId, AtomType, ImportanceScore)
SELECT LayerId, 1, LayerId, N'weight', 0.2 * LayerId FROM dbo.ModelLayers ORDER BY LayerId;
INSERT dbo.TensorAtomCoefficients (TensorAtomId, ParentLayerId, Coefficient)
SELECT TensorAtomId, LayerId, 0.5 FROM dbo.TensorAtoms ORDER BY TensorAtomId;
-- Three atoms; component i of the vector of atom s is sin((s + 1)(i + 1) / 4) for i under 32, then zeros.
INSERT dbo.Atoms (Modality, Subtype, SourceType, CanonicalText)
SELECT N'text', N'seed', N'test', CONCAT(N'atom ', value) FROM GENERATE_SERIES(0, 2) ORDER BY value;
INSERT dbo.AtomEmbeddings (AtomId, EmbeddingType, Dimension, EmbeddingVector, SpatialGeometry, SpatialProjX, SpatialProjY, SpatialProjZ)
SELECT
    s.value + 1,
    N'text',
    32,
    -- The term is made a column first: an aggregate takes no expression of columns within and without.
    CAST((SELECT CAST('[' AS varchar(max)) + STRING_AGG(terms.term, ',') WITHIN GROUP (ORDER BY terms.i) + ']'
          FROM
          (
              SELECT
                  i.value AS i,
                  CAST(CASE WHEN i.value < 32
                            THEN CONVERT(varchar(40), SIN((s.value + 1) * (i.value + 1) / CAST(4 AS float)), 3)
                            ELSE '0'
                       END AS varchar(max)) AS term
              FROM GENERATE_SERIES(0, 1997) AS i
          ) AS terms) AS VECTOR(1998)),
    geometry::Point(10 + 1.5 * s.value, -5 + 0.75 * s.value, 0),
    10 + 1.5 * s.value,
    -5 + 0.75 * s.value,
    2 + 0.4 * s.value
FROM GENERATE_SERIES(0, 2) AS s
ORDER BY s.value;
GO
