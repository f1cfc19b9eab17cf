// The built-in interpreter: no image, no registry, no environment. docs/deploy.md
resource pool 'Microsoft.App/sessionPools@2026-07-01' = {
  name: 'pythonlts'
  location: resourceGroup().location
  properties: {
    poolManagementType: 'Dynamic'
    containerType: 'PythonLTS'
    scaleConfiguration: {
      maxConcurrentSessions: 10
    }
    dynamicPoolConfiguration: {
      lifecycleConfiguration: {
        lifecycleType: 'Timed'
        cooldownPeriodInSeconds: 600
      }
    }
    sessionNetworkConfiguration: {
      status: 'EgressDisabled'
    }
  }
}

output endpoint string = pool.properties.poolManagementEndpoint
